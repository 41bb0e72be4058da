import { generateKeyPairSync } from "node:crypto";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import {
  decryptKey,
  defaultCost,
  keyFileSchema,
  newEncryptedKey,
  programKey,
  publicKeyOf,
  WrongPassphrase,
  type KeyFile,
} from "../../../../service-tools/repo/key-file.ts";
import { parsePublicKey } from "../../../../service-tools/repo/keys.ts";

const cheap = { N: 2, r: 1, p: 1 };
const repository = "ab".repeat(32);

type Encrypted = Extract<KeyFile, { encrypted: string }>;

async function encrypted(passphrase = "a passphrase"): Promise<Encrypted> {
  const file = await newEncryptedKey(passphrase, cheap).file(repository);
  if ("encrypted" in file) return file;
  throw new Error("The key is not encrypted.");
}

describe("the file of a working key", () => {
  it("is opened by its passphrase, and holds nothing of the key in the clear", async () => {
    const key = newEncryptedKey("a passphrase", cheap);
    const made = (await key.file(repository)) as Encrypted;
    const opened = await decryptKey(made, "a passphrase");
    const message = Buffer.from("signed");
    expect(await opened.sign(message)).toBe(await key.signer.sign(message));
    expect(v.is(keyFileSchema, JSON.parse(JSON.stringify(made)))).toBe(true);
  });

  it("costs 128 MiB and about half a second to try a passphrase on", async () => {
    const file = (await newEncryptedKey("a passphrase", defaultCost).file(repository)) as Encrypted;
    expect(file.kdf).toMatchObject({ name: "scrypt", N: 131_072, r: 8, p: 1 });
    await expect(decryptKey(file, "a passphrase")).resolves.toBeDefined();
  });

  it("takes a passphrase by its letters, however the keyboard composes them", async () => {
    await expect(decryptKey(await encrypted("caf\u00e9 cr\u00e8me"), "cafe\u0301 cre\u0300me")).resolves.toBeDefined();
  });

  it("is not opened by another passphrase", async () => {
    await expect(decryptKey(await encrypted(), "another one")).rejects.toThrow(WrongPassphrase);
  });

  it.each<[string, (file: Encrypted) => Encrypted]>([
    ["its repository", (file) => ({ ...file, repository: "cd".repeat(32) })],
    ["its id", (file) => ({ ...file, keyId: "cd".repeat(32) })],
    ["its salt", (file) => ({ ...file, kdf: { ...file.kdf, salt: "00".repeat(16) } })],
    ["its cost", (file) => ({ ...file, kdf: { ...file.kdf, N: 4 } })],
    ["its nonce", (file) => ({ ...file, cipher: { ...file.cipher, nonce: "00".repeat(12) } })],
    ["its tag", (file) => ({ ...file, cipher: { ...file.cipher, tag: "00".repeat(16) } })],
    ["what is encrypted", (file) => ({ ...file, encrypted: "00".repeat(32) })],
  ])("is not opened after somebody changed %s", async (_what, change) => {
    await expect(decryptKey(change(await encrypted()), "a passphrase")).rejects.toThrow(WrongPassphrase);
  });

  it.each<[string, object]>([
    ["takes too much memory", { kdf: { name: "scrypt", N: 2 ** 24, r: 8, p: 1, salt: "00".repeat(16) } }],
    ["has a cost that is no power of two", { kdf: { name: "scrypt", N: 3, r: 8, p: 1, salt: "00".repeat(16) } }],
    ["is of another format", { format: "boardkeeper-key-2" }],
    ["is cut off", { encrypted: "00" }],
  ])("is refused when it %s", async (_what, change) => {
    expect(v.is(keyFileSchema, { ...(await encrypted()), ...change })).toBe(false);
  });

  it("names the program that signs, where the key is elsewhere", () => {
    const { publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
    const pem = publicKey.export({ format: "pem", type: "spki" }).toString();
    const file = programKey(parsePublicKey(pem), pem, "/usr/local/bin/sign", repository);
    expect("signer" in file && publicKeyOf(file).keyID).toBe(file.keyId);
    expect(v.is(keyFileSchema, file)).toBe(true);
  });
});
