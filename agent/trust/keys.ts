import { createHash, createPublicKey, verify, type KeyObject } from "node:crypto";
import type { Key } from "@tufjs/models";
import { AgentError } from "../lib/errors.ts";
import { canonicalJson } from "./canonical-json.ts";
import { invalid, type MetadataFile } from "./metadata-file.ts";

/** Public keys by their ids. A key of a kind that we do not verify is not among them: it counts for nothing. */
export type PublicKeys = ReadonlyMap<string, KeyObject>;

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
  const keys = new Map<string, KeyObject>();
  const seen = new Set<string>();
  for (const [id, key] of Object.entries(listed)) {
    if (id !== keyId(key)) throw invalid(name, `the id of the key ${id.slice(0, 16)} is not that of the key`);
    const parsed = parseKey(key);
    if (parsed === undefined) continue;
    const { crv = "", x = "", y = "" } = parsed.export({ format: "jwk" });
    const publicKey = `${crv} ${x} ${y}`;
    if (seen.has(publicKey)) throw invalid(name, `it lists the key ${id.slice(0, 16)} under two ids`);
    seen.add(publicKey);
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
function parseKey({ keyType, scheme, keyVal }: Key): KeyObject | undefined {
  const text = keyVal["public"] ?? "";
  if (keyType === "ed25519" && scheme === "ed25519" && /^[0-9a-f]{64}$/.test(text)) {
    return importKey({ key: Buffer.concat([ed25519Prefix, Buffer.from(text, "hex")]), format: "der", type: "spki" });
  }
  if (!/^ecdsa(?:-sha2-nistp256)?$/.test(keyType) || scheme !== "ecdsa-sha2-nistp256") return undefined;
  if (!text.startsWith("-----BEGIN PUBLIC KEY-----")) return undefined;
  const key = importKey(text);
  return key?.asymmetricKeyDetails?.namedCurve === "prime256v1" ? key : undefined;
}

function importKey(input: Parameters<typeof createPublicKey>[0]): KeyObject | undefined {
  try {
    return createPublicKey(input);
  } catch {
    return undefined; // Damaged: it verifies nothing, so it counts for nothing.
  }
}

/** How many keys of a role have signed the file. */
export function countSigners(file: MetadataFile<unknown>, role: SigningRole, keys: PublicKeys): number {
  return role.keyIDs.filter((id) => isSignedBy(file, id, keys.get(id))).length;
}

function isSignedBy(
  { signatures, signedText }: MetadataFile<unknown>,
  id: string,
  key: KeyObject | undefined,
): boolean {
  const signature = signatures.get(id);
  // Hex has one way to write it, so that no other file says the same.
  if (key === undefined || signature === undefined || !/^(?:[0-9a-f]{2}){1,256}$/.test(signature)) return false;
  const digest = key.asymmetricKeyType === "ed25519" ? null : "sha256";
  return verify(digest, signedText, key, Buffer.from(signature, "hex"));
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
    `The metadata file ${file.name} has ${count} of the ${role.threshold} valid signatures that it needs from the keys that ${by} names for it. It was changed, or another key signed it, or the repository lacks a newer root. Do not use this repository until its publisher has explained it.`,
  );
}
