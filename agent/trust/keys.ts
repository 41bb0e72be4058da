import { createHash, createPublicKey, verify, type KeyObject } from "node:crypto";
import type { Key } from "@tufjs/models";
import { AgentError } from "../lib/errors.ts";
import { canonicalJson } from "./canonical-json.ts";
import { invalid, type MetadataFile } from "./metadata-file.ts";

/** A key that we verify. */
interface PublicKey {
  /** The same for one key, however it is written down. */
  readonly identity: string;
  /** Made when a signature is there to verify. */
  readonly open: () => KeyObject;
}

/** Public keys by their ids. A key of a kind that we do not verify is not among them: it counts for nothing. */
export type PublicKeys = ReadonlyMap<string, PublicKey>;

/** Who must sign: so many of these keys. */
export interface SigningRole {
  readonly keyIDs: readonly string[];
  readonly threshold: number;
}

/** What precedes the 32 bytes of an ed25519 key in its DER form [RFC 8410, 4]. */
const ed25519Prefix = Buffer.from("302a300506032b6570032100", "hex");

/**
 * Reads the keys that a file lists. Each must have the id that follows from it, and no key may come twice: a role counts a key once,
 * whatever names it has.
 * @throws AgentError `metadata-invalid`
 */
export function readKeys(name: string, listed: Readonly<Record<string, Key>>): PublicKeys {
  const keys = new Map<string, PublicKey>();
  const seen = new Set<string>();
  for (const [id, key] of Object.entries(listed)) {
    if (id !== keyId(key)) throw invalid(name, `the id of the key ${id.slice(0, 16)} is not that of the key`);
    const parsed = parseKey(key);
    if (parsed === undefined) continue;
    if (seen.has(parsed.identity)) throw invalid(name, `it lists the key ${id.slice(0, 16)} under two ids`);
    seen.add(parsed.identity);
    keys.set(id, parsed);
  }
  return keys;
}

/** The SHA-256 of the key's canonical JSON, in hex [TUF 1.0.31, 4.2]. */
function keyId({ keyType, scheme, keyVal }: Key): string {
  const text = canonicalJson({ keytype: keyType, keyval: { public: keyVal["public"] ?? null }, scheme });
  return createHash("sha256").update(text).digest("hex");
}

/** Undefined for a key that cannot be read, or is none of ed25519 and ECDSA on P-256. */
function parseKey({ keyType, scheme, keyVal }: Key): PublicKey | undefined {
  const text = keyVal["public"] ?? "";
  if (keyType === "ed25519" && scheme === "ed25519" && /^[0-9a-f]{64}$/.test(text)) {
    const key = Buffer.concat([ed25519Prefix, Buffer.from(text, "hex")]);
    return { identity: text, open: () => createPublicKey({ key, format: "der", type: "spki" }) };
  }
  const isEcdsa = /^ecdsa(?:-sha2-nistp256)?$/.test(keyType) && scheme === "ecdsa-sha2-nistp256";
  const key = isEcdsa && text.startsWith("-----BEGIN PUBLIC KEY-----") ? importPem(text) : undefined;
  if (key?.asymmetricKeyDetails?.namedCurve !== "prime256v1") return undefined;
  const { x = "", y = "" } = key.export({ format: "jwk" });
  return { identity: `${x} ${y}`, open: () => key };
}

function importPem(text: string): KeyObject | undefined {
  try {
    return createPublicKey(text);
  } catch {
    return undefined; // Damaged: it verifies nothing, so it counts for nothing.
  }
}

/** How many keys of a role have signed the file, up to the number that must. */
function countSigners(file: MetadataFile<unknown>, { keyIDs, threshold }: SigningRole, keys: PublicKeys): number {
  let count = 0;
  for (const id of keyIDs) if (count < threshold && isSignedBy(file, id, keys.get(id))) count += 1;
  return count;
}

/** Whether as many keys of a role have signed the file as must. */
export function hasSigners(file: MetadataFile<unknown>, role: SigningRole, keys: PublicKeys): boolean {
  return countSigners(file, role, keys) >= role.threshold;
}

function isSignedBy(
  { signatures, signedText }: MetadataFile<unknown>,
  id: string,
  key: PublicKey | undefined,
): boolean {
  const signature = signatures.get(id);
  // Hex has one way to write it, so that no other file says the same.
  if (key === undefined || signature === undefined || !/^(?:[0-9a-f]{2}){1,256}$/.test(signature)) return false;
  const opened = key.open();
  const digest = opened.asymmetricKeyType === "ed25519" ? null : "sha256";
  return verify(digest, signedText, opened, Buffer.from(signature, "hex"));
}

/**
 * Requires that enough keys of a role have signed the file.
 * @param by who names the keys: "the root", "the former root"
 * @throws AgentError `metadata-signature`
 */
export function requireSigners(file: MetadataFile<unknown>, role: SigningRole, keys: PublicKeys, by: string): void {
  const count = countSigners(file, role, keys);
  if (count >= role.threshold) return;
  throw new AgentError(
    "metadata-signature",
    `The metadata file ${file.name} has ${count} of the ${role.threshold} valid signatures that it needs from the keys that ${by} names for it. It was changed, or another key signed it, or this is a copy from before the publisher changed a key. Copy the whole repository again; if it stays so, do not use it until its publisher has explained it.`,
  );
}
