import { createHash } from "node:crypto";
import type { Metadata, Root, Snapshot, Targets, Timestamp } from "@tufjs/models";
import { check } from "../../agent/contract/check.ts";
import { isJsonObject } from "../../agent/contract/json.ts";
import { maxMetadataBytes, signedTargetSchema, timestampCustomSchema } from "../../agent/contract/signed-target.ts";
import { describeError } from "../local-hub/lib/log.ts";
import type { MadeFile, TargetEntry, TargetFiles } from "./metadata.ts";
import { folderSource, type RepositorySource } from "./source.ts";
import { tufModels } from "./tuf-models.ts";

/*
 * What a repository's folder holds, verified before anything of it is signed again: whoever can write to the folder, but has no key,
 * must not get a signature for what he put there.
 */

/** The folder is no repository, or a file of it is damaged or not signed by its keys; the message names the file. */
class DamagedRepository extends Error {}

export interface BoardRole {
  readonly version: number;
  readonly expires: string;
  readonly files: TargetFiles;
  readonly meta: MadeFile["meta"];
}

export interface Contents {
  readonly root: Root;
  /** The SHA-256 of the first root: the identity of the repository. */
  readonly id: string;
  readonly timestamp: Timestamp;
  /** Its bytes: another publisher's are others. */
  readonly timestampBytes: Buffer;
  readonly issued: Date;
  readonly snapshot: Snapshot;
  readonly targets: Targets;
  readonly targetsMeta: MadeFile["meta"];
  readonly boards: ReadonlyMap<string, BoardRole>;
}

type Signed = Root | Timestamp | Snapshot | Targets;

/** Reads all metadata of a repository and verifies signatures, digests and versions; not expiry. @throws DamagedRepository */
export async function readContents(folder: string): Promise<Contents> {
  return await readContentsFrom(folderSource(folder));
}

/** The same from anywhere. */
export async function readContentsFrom(source: RepositorySource): Promise<Contents> {
  const { root, id } = await readRoots(source);
  const timestampBytes = await readMetadata(source, "timestamp.json");
  const timestamp = parseTimestamp("timestamp.json", timestampBytes);
  verifyBy(root, "timestamp", timestamp, "timestamp.json");
  const custom = check(timestampCustomSchema, timestamp.signed.unrecognizedFields["custom"]);
  if (!custom.ok) throw new DamagedRepository(`timestamp.json: custom: ${custom.problems.join("; ")}`);
  const snapshot = await readListed(source, "snapshot", parseSnapshot, timestamp.signed.snapshotMeta);
  verifyBy(root, "snapshot", snapshot.metadata, snapshot.name);
  const listed = snapshot.metadata.signed.meta;
  const targets = await readListed(source, "targets", parseTargets, listed["targets.json"]);
  verifyBy(root, "targets", targets.metadata, targets.name);
  const boards = new Map<string, BoardRole>();
  for (const board of Object.keys(targets.metadata.signed.delegations?.roles ?? {})) {
    const role = await readListed(source, board, parseTargets, listed[`${board}.json`]);
    verifyBy(targets.metadata, board, role.metadata, role.name);
    const { version, expires } = role.metadata.signed;
    boards.set(board, { version, expires, files: filesOf(role.name, role.metadata.signed), meta: role.meta });
  }
  return {
    root: root.signed,
    id,
    timestamp: timestamp.signed,
    timestampBytes,
    issued: new Date(custom.value.issued),
    snapshot: snapshot.metadata.signed,
    targets: targets.metadata.signed,
    targetsMeta: targets.meta,
    boards,
  };
}

/** Follows the roots from the first to the last, each signed by the one before it and by itself. */
async function readRoots(source: RepositorySource): Promise<{ root: Metadata<Root>; id: string }> {
  const first = await readIfThere(source, "1.root.json");
  if (first === undefined) {
    throw new DamagedRepository(
      `${source.name} is no repository: it has no file metadata/1.root.json. A new one is made with: boardkeeper repo init`,
    );
  }
  let root = parseRoot("1.root.json", first);
  verifyBy(root, "root", root, "1.root.json");
  // However many there are: boards follow 256 with each try, and go on. Each was signed by a key, so nobody else makes this long.
  for (let version = 2; ; version += 1) {
    const name = `${version}.root.json`;
    const bytes = await readIfThere(source, name);
    if (bytes === undefined) break;
    const next = parseRoot(name, bytes);
    if (next.signed.version !== version)
      throw new DamagedRepository(`${name} says that it is version ${next.signed.version}`);
    verifyBy(root, "root", next, name);
    verifyBy(next, "root", next, name);
    root = next;
  }
  return { root, id: createHash("sha256").update(first).digest("hex") };
}

async function readListed<T extends Snapshot | Targets>(
  source: RepositorySource,
  role: string,
  parseIt: (name: string, bytes: Uint8Array) => Metadata<T>,
  listed: Timestamp["snapshotMeta"] | undefined,
): Promise<{ metadata: Metadata<T>; name: string; meta: MadeFile["meta"] }> {
  if (listed === undefined) throw new DamagedRepository(`The snapshot does not list ${role}.json`);
  const name = `${listed.version}.${role}.json`;
  const bytes = await readMetadata(source, name);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  if (listed.length !== bytes.length || listed.hashes?.["sha256"] !== sha256) {
    throw new DamagedRepository(
      `${name} is not the file that ${role === "snapshot" ? "the timestamp" : "the snapshot"} lists`,
    );
  }
  const metadata = parseIt(name, bytes);
  if (metadata.signed.version !== listed.version)
    throw new DamagedRepository(`${name} says that it is version ${metadata.signed.version}`);
  return { metadata, name, meta: { version: listed.version, length: bytes.length, hashes: { sha256 } } };
}

async function readMetadata(source: RepositorySource, name: string): Promise<Buffer> {
  const bytes = await readIfThere(source, name);
  if (bytes === undefined) throw new DamagedRepository(`${source.name} is not complete: metadata/${name} is missing`);
  return bytes;
}

async function readIfThere(source: RepositorySource, name: string): Promise<Buffer | undefined> {
  try {
    return await source.read(`metadata/${name}`, maxMetadataBytes);
  } catch (cause) {
    throw new DamagedRepository(`metadata/${name} cannot be read: ${describeError(cause)}`, { cause });
  }
}

type JsonData = Parameters<typeof Metadata.fromJSON>[1];

function parseRoot(name: string, bytes: Uint8Array): Metadata<Root> {
  const { Metadata: Models, MetadataKind } = tufModels();
  return parse(name, bytes, (data) => Models.fromJSON(MetadataKind.Root, data));
}

function parseTimestamp(name: string, bytes: Uint8Array): Metadata<Timestamp> {
  const { Metadata: Models, MetadataKind } = tufModels();
  return parse(name, bytes, (data) => Models.fromJSON(MetadataKind.Timestamp, data));
}

function parseSnapshot(name: string, bytes: Uint8Array): Metadata<Snapshot> {
  const { Metadata: Models, MetadataKind } = tufModels();
  return parse(name, bytes, (data) => Models.fromJSON(MetadataKind.Snapshot, data));
}

function parseTargets(name: string, bytes: Uint8Array): Metadata<Targets> {
  const { Metadata: Models, MetadataKind } = tufModels();
  return parse(name, bytes, (data) => Models.fromJSON(MetadataKind.Targets, data));
}

function parse<T extends Signed>(name: string, bytes: Uint8Array, read: (data: JsonData) => Metadata<T>): Metadata<T> {
  try {
    const document: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    if (!isJsonData(document)) throw new TypeError("it is no JSON object");
    return read(document);
  } catch (cause) {
    throw new DamagedRepository(`${name} is no valid metadata: ${describeError(cause)}`, { cause });
  }
}

function isJsonData(value: unknown): value is JsonData {
  return isJsonObject(value);
}

function verifyBy(
  by: Metadata<Root> | Metadata<Targets>,
  role: string,
  metadata: Metadata<Signed>,
  name: string,
): void {
  try {
    by.verifyDelegate(role, metadata);
  } catch (cause) {
    throw new DamagedRepository(`${name} is not signed by the keys of its role: ${describeError(cause)}`, { cause });
  }
}

function filesOf(name: string, role: Targets): TargetFiles {
  const files = new Map<string, TargetEntry>();
  for (const [path, target] of Object.entries(role.targets)) {
    const checked = check(signedTargetSchema, target.custom);
    const sha256 = target.hashes["sha256"];
    if (!checked.ok || sha256 === undefined) {
      throw new DamagedRepository(
        `${name}: ${path}: ${checked.ok ? "it has no SHA-256" : checked.problems.join("; ")}`,
      );
    }
    files.set(path, { sha256, sizeBytes: target.length, description: checked.value });
  }
  return files;
}
