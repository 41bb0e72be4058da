import { describe, expect, it } from "vitest";
import type { Json } from "../../../../../service-tools/local-hub/lib/json.ts";
import { parseAuthentication, signingKeys } from "../../../../../service-tools/local-hub/registry/authentication.ts";

function parse(asked: Json | undefined): ReturnType<typeof parseAuthentication> {
  return parseAuthentication(asked, () => "made", "classic");
}

describe("the authentication of an identity", () => {
  const made = { primaryKey: "made", secondaryKey: "made" };
  const good = Buffer.alloc(16, 1).toString("base64");

  it.each<{ what: string; asked: Json | undefined }>([
    { what: "nothing is asked for", asked: undefined },
    { what: "null is asked for", asked: null },
    {
      what: "keys are empty, as the SDK sends them",
      asked: { type: "sas", symmetricKey: { primaryKey: "", secondaryKey: "" } },
    },
    { what: "keys are null", asked: { symmetricKey: { primaryKey: null, secondaryKey: null } } },
  ])("gets keys when $what", ({ asked }) => {
    expect(parse(asked)).toMatchObject({ ok: true, value: { type: "sas", symmetricKey: made } });
  });

  it("keeps keys that are given", () => {
    const asked = { symmetricKey: { primaryKey: good, secondaryKey: good } };
    expect(parse(asked)).toMatchObject({ ok: true, value: asked });
  });

  it.each<{ what: string; asked: Json }>([
    { what: "one key without the other", asked: { symmetricKey: { primaryKey: good } } },
    { what: "a key that is not base64", asked: { symmetricKey: { primaryKey: "secret!", secondaryKey: good } } },
    {
      what: "a key of 15 bytes",
      asked: { symmetricKey: { primaryKey: Buffer.alloc(15).toString("base64"), secondaryKey: good } },
    },
    {
      what: "a key of 65 bytes",
      asked: { symmetricKey: { primaryKey: Buffer.alloc(65).toString("base64"), secondaryKey: good } },
    },
    { what: "an unknown type", asked: { type: "none" } },
  ])("is rejected with $what", ({ asked }) => {
    expect(parse(asked)).toMatchObject({ ok: false, error: { code: 400_004 } });
  });

  it("by certificate has thumbprints and no keys to sign with", () => {
    const result = parse({ type: "selfSigned", x509Thumbprint: { primaryThumbprint: "AB", secondaryThumbprint: "" } });
    expect(result).toMatchObject({
      ok: true,
      value: { type: "selfSigned", x509Thumbprint: { primaryThumbprint: "AB", secondaryThumbprint: null } },
    });
    expect(result.ok ? signingKeys(result.value) : undefined).toEqual([]);
  });
});
