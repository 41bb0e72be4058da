import { createHash, createPublicKey, generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "../../../../agent/trust/canonical-json.ts";
import { secondPublication, TrustingBoard } from "../../../support/trusting-board.ts";
import {
  put,
  testEcdsaKey,
  testKey,
  TufRepository,
  working,
  type Signed,
  type TestKey,
} from "../../../support/tuf-repository.ts";

const idOf = (entry: TestKey["entry"]): string => createHash("sha256").update(canonicalJson(entry)).digest("hex");

/** The same key, written down in another way, so that it has another id. */
function respelled(key: TestKey, change: Partial<TestKey["entry"]>): TestKey {
  const entry = { ...key.entry, ...change };
  return { ...key, entry, id: idOf(entry) };
}

/** What a first refresh comes to where these keys sign the timestamp. */
async function refreshBy(
  keys: readonly TestKey[],
  threshold: number,
  edit: (signed: Signed) => void = () => undefined,
): Promise<string> {
  const repository = new TufRepository();
  repository.writeRoot({ timestamp: { keys, threshold } }, undefined, { edit: { root: edit } });
  repository.publish();
  return await new TrustingBoard(repository.seed()).refresh(repository);
}

describe("a key counts once, whatever names it has", () => {
  const ecdsa = testEcdsaKey();
  const { public: pem } = ecdsa.entry.keyval;
  it.each([
    ["with another word for its kind", respelled(ecdsa, { keytype: "ecdsa-sha2-nistp256" })],
    ["with another end of line", respelled(ecdsa, { keyval: { public: pem.trimEnd() } })],
    [
      "with its lines put together",
      respelled(ecdsa, { keyval: { public: pem.replaceAll(/(?<=[\w+/=])\n(?=[\w+/=])/g, "") } }),
    ],
  ])("%s: metadata-invalid", async (_what, twin) => {
    expect(twin.id).not.toBe(ecdsa.id);
    expect(await refreshBy([ecdsa, twin], 2)).toBe("metadata-invalid");
  });

  it("two keys are two", async () => {
    expect(await refreshBy([ecdsa, testKey("another")], 2)).toBe("ok");
  });
});

describe("a key's id is the SHA-256 of the key", () => {
  it.each([
    ["made up", "0".repeat(64)],
    ["another key's", testKey("another").id],
    ["in capital letters", working.id.toUpperCase()],
    ["cut short", working.id.slice(0, 40)],
    ["the name of a prototype", "__proto__"],
  ])("%s: metadata-invalid", async (_what, id) => {
    const edit = (signed: Signed): void => {
      put(["keys", id], testKey("with a wrong id").entry)(signed);
    };
    expect(await refreshBy([working], 1, edit)).toBe("metadata-invalid");
  });

  it("also below the targets", async () => {
    const edit = { targets: put(["delegations", "keys", "0".repeat(64)], working.entry) };
    const { board, repository } = await secondPublication({ edit });
    expect(await board.refresh(repository)).toBe("metadata-invalid");
  });

  it("what else is said of a key does not belong to it", async () => {
    const edit = put(["keys", working.id], { ...working.entry, keyid_hash_algorithms: ["sha256"] });
    expect(await refreshBy([working], 1, edit)).toBe("ok");
  });
});

describe("a key that we do not verify counts for nothing", () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 })
    .publicKey.export({ format: "pem", type: "spki" })
    .toString();
  const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" })
    .publicKey.export({ format: "pem", type: "spki" })
    .toString();
  const pem = createPublicKey(testEcdsaPem()).export({ format: "pem", type: "spki" }).toString();
  const strange: readonly (readonly [what: string, entry: TestKey["entry"]])[] = [
    ["RSA", { keytype: "rsa", scheme: "rsassa-pss-sha256", keyval: { public: rsa } }],
    ["RSA that calls itself ECDSA", { keytype: "ecdsa", scheme: "ecdsa-sha2-nistp256", keyval: { public: rsa } }],
    ["another curve", { keytype: "ecdsa", scheme: "ecdsa-sha2-nistp256", keyval: { public: p384 } }],
    ["another scheme", { keytype: "ecdsa", scheme: "ecdsa-sha2-nistp384", keyval: { public: pem } }],
    ["another kind", { keytype: "ecdsa-sha2-nistp384", scheme: "ecdsa-sha2-nistp256", keyval: { public: pem } }],
    ["a kind of the future", { keytype: "ml-dsa-44", scheme: "ml-dsa-44", keyval: { public: "00" } }],
    ["ed25519 that is too short", { keytype: "ed25519", scheme: "ed25519", keyval: { public: "00" } }],
    ["ed25519 in capital letters", { ...working.entry, keyval: { public: working.entry.keyval.public.toUpperCase() } }],
    ["ed25519 with another scheme", { ...working.entry, scheme: "ed25519ph" }],
    [
      "a damaged PEM",
      { keytype: "ecdsa", scheme: "ecdsa-sha2-nistp256", keyval: { public: "-----BEGIN PUBLIC KEY-----\nAAAA\n" } },
    ],
    ["no PEM at all", { keytype: "ecdsa", scheme: "ecdsa-sha2-nistp256", keyval: { public: "AAAA" } }],
  ];

  it.each(strange)("%s: beside a key that does, the file is read", async (_what, entry) => {
    const key = { entry, id: idOf(entry), sign: () => "00" };
    expect(await refreshBy([working, key], 1)).toBe("ok");
  });

  it.each(strange)("%s: alone, it is metadata-signature", async (_what, entry) => {
    const key = { entry, id: idOf(entry), sign: (bytes: Uint8Array) => working.sign(bytes) };
    expect(await refreshBy([key], 1)).toBe("metadata-signature");
  });

  it("a key without its public part", async () => {
    const entry = { keytype: "ed25519", scheme: "ed25519", keyval: {} };
    const id = createHash("sha256")
      .update('{"keytype":"ed25519","keyval":{"public":null},"scheme":"ed25519"}')
      .digest("hex");
    expect(await refreshBy([working], 1, put(["keys", id], entry))).toBe("ok");
  });

  it("a key that a role names and nobody lists", async () => {
    expect(await refreshBy([working], 1, put(["roles", "timestamp", "keyids"], ["0".repeat(64), working.id]))).toBe(
      "ok",
    );
    expect(await refreshBy([working], 1, put(["roles", "timestamp", "keyids"], ["0".repeat(64)]))).toBe(
      "metadata-signature",
    );
  });

  function testEcdsaPem(): string {
    return testEcdsaKey().entry.keyval.public;
  }
});

describe("a signature", () => {
  const signedAs = (change: (sig: string) => string): TestKey => ({
    ...working,
    sign: (bytes) => change(working.sign(bytes)),
  });
  it.each([
    ["in capital letters", (sig: string) => sig.toUpperCase()],
    ["with something behind it", (sig: string) => `${sig}zz`],
    ["with half a byte more", (sig: string) => `${sig}0`],
    ["with a byte more", (sig: string) => `${sig}00`],
    ["that is empty", () => ""],
    ["that is very long", (sig: string) => sig.repeat(5)],
    ["of something else", () => working.sign(Buffer.from("something else"))],
    ["by another key under this one's id", () => testKey("another").sign(Buffer.from(""))],
  ])("%s is none: metadata-signature", async (_what, change) => {
    expect(await refreshBy([signedAs(change)], 1)).toBe("metadata-signature");
  });

  it("that is wrong does no harm beside one that is right", async () => {
    expect(await refreshBy([working, { ...testKey("another"), sign: () => "00" }], 1)).toBe("ok");
  });

  it("says how many are there, and how many must be", async () => {
    const repository = new TufRepository();
    repository.writeRoot({ timestamp: { keys: [working, testKey("b")], threshold: 2 } });
    repository.publish(undefined, { signWith: { timestamp: [working] } });
    const board = new TrustingBoard(repository.seed());
    await board.refresh(repository);
    expect(board.error?.message).toBe(
      "The metadata file timestamp.json has 1 of the 2 valid signatures that it needs from the keys that the root names for it. It was changed, or another key signed it, or this is a copy from before the publisher changed a key. Copy the whole repository again; if it stays so, do not use it until its publisher has explained it.",
    );
  });
});
