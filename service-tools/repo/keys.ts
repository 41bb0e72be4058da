import { createHash, createPrivateKey, createPublicKey, randomBytes, sign, type KeyObject } from "node:crypto";
import type { Key } from "@tufjs/models";
import { tufModels } from "./tuf-models.ts";

/* The keys of a repository, in the form that TUF's metadata has for them. */

/** Signs metadata with one key. */
export interface Signer {
  readonly key: Key;
  /** The signature of these bytes in hex. */
  sign(bytes: Uint8Array): Promise<string>;
}

/** What precedes the 32 bytes of an ed25519 key in PKCS #8 (RFC 8410, section 7). */
const pkcs8Prefix = Buffer.from("302e020100300506032b657004220420", "hex");

/** The bytes that an ed25519 key is made from. */
export const seedBytes = 32;

/** @returns the seed of a new ed25519 key; a secret */
export function newSeed(): Buffer {
  return randomBytes(seedBytes);
}

/** A signer with the ed25519 key of this seed. */
export function seedSigner(seed: Uint8Array): Signer {
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: "der", type: "pkcs8" });
  return {
    key: toTufKey(createPublicKey(key)),
    sign: (bytes) => Promise.resolve(sign(null, bytes, key).toString("hex")),
  };
}

/** A public key that this program cannot use; the message says what it can. */
class UnsupportedKey extends Error {}

/**
 * The public key of a PEM file, as metadata holds it.
 * @throws UnsupportedKey for anything but ed25519 and ECDSA on the curve P-256
 */
export function parsePublicKey(pem: string): Key {
  // Node would derive the public key from a private one; a signer's private key has no business in a file that we read.
  if (!pem.includes("-----BEGIN PUBLIC KEY-----")) {
    throw new UnsupportedKey("it is not a public key in PEM, which begins with -----BEGIN PUBLIC KEY-----");
  }
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (cause) {
    throw new UnsupportedKey("it is damaged", { cause });
  }
  return toTufKey(key);
}

function toTufKey(key: KeyObject): Key {
  if (key.asymmetricKeyType === "ed25519") {
    const { x = "" } = key.export({ format: "jwk" });
    return withId("ed25519", "ed25519", Buffer.from(x, "base64url").toString("hex"));
  }
  if (key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1") {
    const pem = key.export({ format: "pem", type: "spki" }).toString();
    return withId("ecdsa", "ecdsa-sha2-nistp256", pem);
  }
  const curve = key.asymmetricKeyDetails?.namedCurve;
  const kind = [key.asymmetricKeyType, curve].filter((part) => part !== undefined).join(" ");
  throw new UnsupportedKey(`it is a key of the kind ${kind}; boards verify ed25519, and ECDSA on the curve P-256`);
}

/** The id is the SHA-256 of the key in canonical JSON, so no key has two: [TUF 1.0.31, 4.2]. */
function withId(keyType: string, scheme: string, publicKey: string): Key {
  // Canonical JSON escapes nothing but quotes and backslashes, which neither hex nor PEM has.
  const canonical = `{"keytype":"${keyType}","keyval":{"public":"${publicKey}"},"scheme":"${scheme}"}`;
  const keyID = createHash("sha256").update(canonical).digest("hex");
  const { Key: TufKey } = tufModels();
  return new TufKey({ keyID, keyType, scheme, keyVal: { public: publicKey } });
}
