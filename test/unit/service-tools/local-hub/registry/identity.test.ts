import { describe, expect, it } from "vitest";
import { parseAuthentication, signingKeys } from "../../../../../service-tools/local-hub/registry/authentication.ts";
import { parseIfMatch, identityEtag, twinEtag } from "../../../../../service-tools/local-hub/registry/etag.ts";
import { isDeviceId, isModuleId } from "../../../../../service-tools/local-hub/registry/ids.ts";
import { generationIdAt } from "../../../../../service-tools/local-hub/registry/identity.ts";
import type { Json } from "../../../../../service-tools/local-hub/lib/json.ts";

describe("an id", () => {
  it.each([
    ["board-1", true, true],
    ["a.b+c%d_e#f*g?h!i(j),k=l@m$n'o", true, true],
    ["x".repeat(128), true, true],
    ["x".repeat(129), false, false],
    ["mac:00:11", true, false],
    ["$edgeAgent", true, false],
    ["a/b", false, false],
    ["a b", false, false],
    ["größe", false, false],
    ["", false, false],
  ])("'%s' of a device: %s, of a module: %s", (id, device, module) => {
    expect([isDeviceId(id), isModuleId(id)]).toEqual([device, module]);
  });
});

describe("etags", () => {
  it("count as those on record do", () => {
    // azure-sdk-for-net, DevicesClient_UpdateDevice_EtagDoesNotMatch: one write later it is OTQ1MjczNDU1.
    expect(identityEtag(945_273_454)).toBe("OTQ1MjczNDU0");
    expect(identityEtag(945_273_455)).toBe("OTQ1MjczNDU1");
    expect(twinEtag(1)).toBe("AAAAAAAAAAE=");
    expect(twinEtag(18)).toBe("AAAAAAAAABI=");
  });

  it.each<{ header: string | undefined; asked: ReturnType<typeof parseIfMatch> }>([
    { header: undefined, asked: undefined },
    { header: "", asked: undefined },
    { header: '""', asked: undefined },
    { header: "*", asked: "any" },
    { header: '"*"', asked: "any" },
    { header: '"AAAAAAAAAAE="', asked: { etag: "AAAAAAAAAAE=" } },
    { header: "AAAAAAAAAAE=", asked: { etag: "AAAAAAAAAAE=" } },
    { header: 'W/"AAAAAAAAAAE="', asked: { etag: "AAAAAAAAAAE=" } },
  ])("If-Match: $header", ({ header, asked }) => {
    expect(parseIfMatch(header)).toEqual(asked);
  });
});

describe("a generation id", () => {
  it("is in .NET ticks", () => {
    // azure-sdk-for-net, DevicesClient_DeviceTwinLifecycle: 637315714436756822 at 2020-07-28T22:17:23.6756822Z.
    expect(generationIdAt(Date.parse("2020-07-28T22:17:23.675Z"), 6822)).toBe("637315714436756822");
  });
});

function read(asked: Json | undefined): ReturnType<typeof parseAuthentication> {
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
    expect(read(asked)).toMatchObject({ ok: true, value: { type: "sas", symmetricKey: made } });
  });

  it("keeps keys that are given", () => {
    const asked = { symmetricKey: { primaryKey: good, secondaryKey: good } };
    expect(read(asked)).toMatchObject({ ok: true, value: asked });
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
  ])("is refused with $what", ({ asked }) => {
    expect(read(asked)).toMatchObject({ ok: false, refusal: { code: 400_004 } });
  });

  it("by certificate has thumbprints and no keys to sign with", () => {
    const verdict = read({ type: "selfSigned", x509Thumbprint: { primaryThumbprint: "AB", secondaryThumbprint: "" } });
    expect(verdict).toMatchObject({
      ok: true,
      value: { type: "selfSigned", x509Thumbprint: { primaryThumbprint: "AB", secondaryThumbprint: null } },
    });
    expect(verdict.ok ? signingKeys(verdict.value) : undefined).toEqual([]);
  });
});
