import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto";
import { promisify } from "node:util";
import * as v from "valibot";
import { isIntegerBetween, rule, sha256Hex } from "../../agent/contract/check.ts";
import { newSeed, parsePublicKey, seedBytes, seedSigner, type Signer } from "./keys.ts";
import type { Key } from "@tufjs/models";

/*
 * The file of a key: either the key itself, encrypted with a passphrase, or the program that signs with it. Whoever can read
 * the file learns neither key nor passphrase; scrypt makes guessing slow.
 */

/** What scrypt costs: 2^17 blocks of 1 KiB are 128 MiB and about half a second. The file says with what it was made. */
export interface Cost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}
export const defaultCost: Cost = { N: 131_072, r: 8, p: 1 };

const hexOf = (bytes: number) =>
  rule<string>(
    `${bytes} bytes in hex`,
    (value) => typeof value === "string" && new RegExp(`^[0-9a-f]{${2 * bytes}}$`).test(value),
  );
const nonceBytes = 12;
const tagBytes = 16;
const saltBytes = 16;

const common = {
  format: v.literal("boardkeeper-key-1"),
  /** As metadata names the key. */
  keyId: sha256Hex,
  /** The SHA-256 of the first root of the repository that the key is for: it signs for no other one. */
  repository: sha256Hex,
};

const encryptedSchema = v.object({
  ...common,
  kdf: v.object({
    name: v.literal("scrypt"),
    // At most 1 GiB: a damaged file must not use up the memory.
    N: rule<number>(
      "a power of two up to 1048576",
      (n) => isIntegerBetween(2, 1_048_576)(n) && Number.isInteger(Math.log2(n)),
    ),
    r: rule<number>("a number from 1 to 8", isIntegerBetween(1, 8)),
    p: rule<number>("a number from 1 to 16", isIntegerBetween(1, 16)),
    salt: hexOf(saltBytes),
  }),
  cipher: v.object({ name: v.literal("aes-256-gcm"), nonce: hexOf(nonceBytes), tag: hexOf(tagBytes) }),
  encrypted: hexOf(seedBytes),
});
type EncryptedKey = v.InferOutput<typeof encryptedSchema>;

const programSchema = v.object({ ...common, publicKey: v.string(), signer: v.string() });

/** What a key file holds. */
export const keyFileSchema = v.union([encryptedSchema, programSchema]);
export type KeyFile = v.InferOutput<typeof keyFileSchema>;

/** The passphrase does not open the key, or the file is damaged: authenticated encryption cannot tell which. */
export class WrongPassphrase extends Error {}

/** A new key, not yet bound to a repository. */
export interface NewKey {
  readonly signer: Signer;
  /** Its file for this repository. */
  file(repository: string): Promise<KeyFile>;
}

/** Makes a key that is kept in a file, encrypted with the passphrase. */
export function newEncryptedKey(passphrase: string, cost: Cost): NewKey {
  const seed = newSeed();
  const signer = seedSigner(seed);
  return {
    signer,
    file: (repository) => encryptKey(seed, { keyId: signer.key.keyID, repository }, passphrase, cost),
  };
}

async function encryptKey(
  seed: Uint8Array,
  { keyId, repository }: { readonly keyId: string; readonly repository: string },
  passphrase: string,
  { N, r, p }: Cost,
): Promise<KeyFile> {
  const kdf = { name: "scrypt", N, r, p, salt: randomBytes(saltBytes).toString("hex") } as const;
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", await deriveKey(passphrase, kdf), nonce);
  const known = { format: "boardkeeper-key-1", keyId, repository, kdf } as const;
  cipher.setAAD(authenticated(known));
  const encrypted = Buffer.concat([cipher.update(seed), cipher.final()]).toString("hex");
  const tag = cipher.getAuthTag().toString("hex");
  return { ...known, cipher: { name: "aes-256-gcm", nonce: nonce.toString("hex"), tag }, encrypted };
}

/** @throws WrongPassphrase */
export async function decryptKey(file: EncryptedKey, passphrase: string): Promise<Signer> {
  const { cipher, encrypted, kdf, keyId } = file;
  const decipher = createDecipheriv("aes-256-gcm", await deriveKey(passphrase, kdf), Buffer.from(cipher.nonce, "hex"), {
    authTagLength: tagBytes,
  });
  decipher.setAAD(authenticated(file));
  decipher.setAuthTag(Buffer.from(cipher.tag, "hex"));
  let seed: Buffer;
  try {
    seed = Buffer.concat([decipher.update(Buffer.from(encrypted, "hex")), decipher.final()]);
  } catch (cause) {
    throw new WrongPassphrase("The passphrase does not open the key, or its file is damaged.", { cause });
  }
  const signer = seedSigner(seed);
  if (signer.key.keyID === keyId) return signer;
  throw new WrongPassphrase("The key file is damaged: it names another key than it holds.");
}

/** What stands in the file in the clear and must not be changed: a key must not be led to sign for another repository. */
function authenticated({ format, keyId, repository, kdf }: Omit<EncryptedKey, "cipher" | "encrypted">): Buffer {
  return Buffer.from(JSON.stringify([format, keyId, repository, kdf.name, kdf.N, kdf.r, kdf.p, kdf.salt]));
}

async function deriveKey(passphrase: string, { N, r, p, salt }: EncryptedKey["kdf"]): Promise<Buffer> {
  // The same letters typed on two systems may be other bytes: é is one character or two.
  const derive = promisify<string, Buffer, number, object, Buffer>(scrypt);
  return await derive(passphrase.normalize("NFKC"), Buffer.from(salt, "hex"), 32, {
    N,
    r,
    p,
    maxmem: 129 * N * r + 1_048_576,
  });
}

/** The file of a key that a program signs with. */
export function programKey(key: Key, publicKey: string, signer: string, repository: string): KeyFile {
  return { format: "boardkeeper-key-1", keyId: key.keyID, repository, publicKey, signer };
}

/** The public key of a file that names a program. @throws UnsupportedKey */
export function publicKeyOf(file: v.InferOutput<typeof programSchema>): Key {
  return parsePublicKey(file.publicKey);
}
