import { createHash } from "node:crypto";
import type { Key, Root, Snapshot, Targets, Timestamp } from "@tufjs/models";
import { maxMetadataBytes, rootFingerprintText, type TargetDescription } from "../../agent/contract/signed-target.ts";
import type { Signer } from "./keys.ts";
import { tufModels } from "./tuf-models.ts";

/* TUF's metadata (1.0.31): made, signed and read. docs/repository.md says what each file is for. */

const specVersion = "1.0.31";
const dayMs = 86_400_000;
/** How long a signature of each role is good. */
export const lifetimeMs = {
  root: 3_653 * dayMs,
  targets: 731 * dayMs,
  snapshot: 366 * dayMs,
  timestamp: 366 * dayMs,
} as const;

type JsonData = Parameters<typeof Targets.fromJSON>[0];

/** A role's keys, and how many of them must sign. */
export interface RoleKeys {
  readonly keys: readonly Key[];
  readonly threshold: number;
}

/** Who signs what. The roles of boards are signed by the keys of `targets`. */
export interface RootKeys {
  readonly root: RoleKeys;
  readonly targets: RoleKeys;
  readonly snapshot: RoleKeys;
  readonly timestamp: RoleKeys;
}

/** What a board's role lists, by the target's path. */
export type TargetFiles = ReadonlyMap<string, TargetEntry>;

export interface TargetEntry {
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly description: TargetDescription;
}

/** A metadata file that was made: its bytes, and what other files say of it. */
export interface MadeFile {
  readonly bytes: Buffer;
  readonly meta: { readonly version: number; readonly length: number; readonly hashes: { readonly sha256: string } };
}

/** What cannot be signed or published; the message says what to do. */
export class CannotSign extends Error {}

export function makeRoot(version: number, keys: RootKeys, now: Date): Root {
  const all = Object.values<RoleKeys>({ ...keys }).flatMap((role) => role.keys);
  return tufModels().Root.fromJSON({
    ...heading("root", version, now),
    consistent_snapshot: true,
    keys: Object.fromEntries(all.map((key) => [key.keyID, key.toJSON()])),
    roles: Object.fromEntries(Object.entries(keys).map(([name, role]: [string, RoleKeys]) => [name, roleOf(role)])),
  });
}

/** The top-level targets role: it lists no image itself, and delegates a role to each board. */
export function makeTargets(version: number, boards: readonly string[], keys: RoleKeys, now: Date): Targets {
  return tufModels().Targets.fromJSON({
    ...heading("targets", version, now),
    targets: {},
    ...(boards.length === 0
      ? {}
      : {
          delegations: {
            keys: Object.fromEntries(keys.keys.map((key) => [key.keyID, key.toJSON()])),
            roles: boards.map((name) => ({ ...roleOf(keys), name, terminating: true, paths: [`${name}/*`] })),
          },
        }),
  });
}

export function makeBoardRole(version: number, files: TargetFiles, now: Date): Targets {
  const targets = [...files].map(([path, { sha256, sizeBytes, description }]) => {
    // Without members that are undefined, which canonical JSON refuses.
    const custom: JsonData = JSON.parse(JSON.stringify(description));
    return [path, { length: sizeBytes, hashes: { sha256 }, custom }] as const;
  });
  return tufModels().Targets.fromJSON({ ...heading("targets", version, now), targets: Object.fromEntries(targets) });
}

/** @param files by their names without version: "targets.json", "BOARD.json" */
export function makeSnapshot(version: number, files: ReadonlyMap<string, MadeFile["meta"]>, now: Date): Snapshot {
  return tufModels().Snapshot.fromJSON({ ...heading("snapshot", version, now), meta: Object.fromEntries(files) });
}

/** @param issued the time of signing, which boards without a clock go by */
export function makeTimestamp(version: number, snapshot: MadeFile["meta"], issued: Date, now: Date): Timestamp {
  return tufModels().Timestamp.fromJSON({
    ...heading("timestamp", version, now),
    meta: { "snapshot.json": snapshot },
    custom: { issued: toTufTime(issued) },
  });
}

/**
 * Signs with those of the signers whose keys are the role's, and with those in `also`.
 * @throws CannotSign when they are too few, or when the file is too large for boards
 */
export async function signFile(
  what: string,
  signed: Root | Targets | Snapshot | Timestamp,
  { keys, threshold }: RoleKeys,
  signers: ReadonlyMap<string, Signer>,
  also: readonly Signer[] = [],
): Promise<MadeFile> {
  const own = keys.flatMap(({ keyID }) => signers.get(keyID) ?? []);
  if (own.length < threshold) {
    const names = keys.map(({ keyID }) => keyID.slice(0, 16)).join(", ");
    throw new CannotSign(
      `${what} must be signed by ${threshold} of the keys ${names}, and ${own.length} of them can be used here.`,
    );
  }
  const { Metadata, Signature } = tufModels();
  const metadata = new Metadata(signed);
  for (const signer of new Set([...own, ...also])) {
    const sig = await signer.sign(canonicalBytes(signed));
    metadata.signatures[signer.key.keyID] = new Signature({ keyID: signer.key.keyID, sig });
  }
  const bytes = Buffer.from(JSON.stringify(metadata.toJSON()));
  if (bytes.length > maxMetadataBytes) {
    throw new CannotSign(
      `${what} would have ${bytes.length} bytes, and boards read at most ${maxMetadataBytes}. Retire old versions (boardkeeper repo retire), or write shorter notes.`,
    );
  }
  return { bytes, meta: metaOf(signed.version, bytes) };
}

/** What the snapshot and the timestamp say of a file. */
function metaOf(version: number, bytes: Uint8Array): MadeFile["meta"] {
  return { version, length: bytes.length, hashes: { sha256: createHash("sha256").update(bytes).digest("hex") } };
}

/** The bytes that a signature is over. The models hand them only to a function that signs at once. */
function canonicalBytes(signed: Root | Targets | Snapshot | Timestamp): Buffer {
  const { Metadata, Signature } = tufModels();
  let bytes = Buffer.alloc(0);
  new Metadata(signed).sign((canonical) => {
    bytes = Buffer.from(canonical);
    return new Signature({ keyID: "", sig: "" });
  });
  return bytes;
}

/** The keys of a role as metadata names them. @throws CannotSign when the root names a key that it does not have */
function keysOfRole(root: Root, name: keyof RootKeys): RoleKeys {
  const { keyIDs, threshold } = roleIn(root, name);
  return { keys: keyIDs.flatMap((id) => root.keys[id] ?? []), threshold };
}

function roleIn(root: Root, name: keyof RootKeys): Root["roles"][string] {
  const role = root.roles[name];
  if (role === undefined) throw new CannotSign(`The root has no role ${name}.`);
  return role;
}

export function rootKeysOf(root: Root): RootKeys {
  return {
    root: keysOfRole(root, "root"),
    targets: keysOfRole(root, "targets"),
    snapshot: keysOfRole(root, "snapshot"),
    timestamp: keysOfRole(root, "timestamp"),
  };
}

/** What a board shows of a root before it trusts it: the SHA-256, in hex, of the keys that may sign the next root. */
export function rootFingerprint(root: Root): string {
  const { keyIDs, threshold } = roleIn(root, "root");
  return createHash("sha256").update(rootFingerprintText(threshold, keyIDs)).digest("hex");
}

function roleOf({ keys, threshold }: RoleKeys): { keyids: string[]; threshold: number } {
  return { keyids: keys.map(({ keyID }) => keyID), threshold };
}

function heading(type: keyof typeof lifetimeMs, version: number, now: Date) {
  const expires = toTufTime(new Date(now.getTime() + lifetimeMs[type]));
  return { _type: tufModels().MetadataKind[capitalized[type]], spec_version: specVersion, version, expires };
}
const capitalized = { root: "Root", targets: "Targets", snapshot: "Snapshot", timestamp: "Timestamp" } as const;

/** TUF's times have no fractions of a second. */
function toTufTime(time: Date): string {
  return time.toISOString().replace(/\.\d{3}Z$/, "Z");
}
