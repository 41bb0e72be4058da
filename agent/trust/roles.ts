import type { MetaFile, Root, Snapshot, Targets, Timestamp } from "@tufjs/models";
import { isJsonObject } from "../contract/json.ts";
import { maxMetadataBytes } from "../contract/signed-target.ts";
import { AgentError, errorMessage } from "../lib/errors.ts";
import { hasSigners, readKeys, requireSigners, type PublicKeys, type SigningRole } from "./keys.ts";
import {
  invalid,
  parseTime,
  readRoot,
  readSnapshot,
  readTargets,
  readTimestamp,
  tooLarge,
  type MetadataFile,
} from "./metadata-file.ts";

/*
 * The signature, the form and the place of each metadata file. Whether one is newer than another, or has expired, is not asked
 * here. Each function rejects with `metadata-invalid`, `metadata-too-large`, `metadata-signature` or `metadata-mismatch`.
 */

export interface TrustedRoot extends MetadataFile<Root> {
  readonly keys: PublicKeys;
}

export interface TrustedTimestamp extends MetadataFile<Timestamp> {
  /** When its publisher signed it, in ISO 8601. */
  readonly issued: string;
  readonly issuedMs: number;
}

export interface TopLevelTargets extends MetadataFile<Targets> {
  readonly keys: PublicKeys;
  /** The role of each board's name. */
  readonly roles: ReadonlyMap<string, SigningRole>;
}

type TopLevelRole = "root" | "timestamp" | "snapshot" | "targets";

/** Who signs a role of the root. */
export function roleOf(root: TrustedRoot, role: TopLevelRole): SigningRole {
  const found = root.signed.roles[role];
  if (found === undefined) throw invalid(root.name, `the role ${role} is missing in it`);
  return found;
}

/** A root that its own keys have signed: the seed, a stored one, or the next one. */
export function openRoot(name: string, bytes: Uint8Array): TrustedRoot {
  const root = readSelfDescribedRoot(name, bytes);
  requireSigners(root, roleOf(root, "root"), root.keys, "it");
  return root;
}

function readSelfDescribedRoot(name: string, bytes: Uint8Array): TrustedRoot {
  const file = readRoot(name, bytes);
  if (!file.signed.consistentSnapshot) {
    throw invalid(name, "its repository does not number its files (consistent_snapshot)");
  }
  return { ...file, keys: readKeys(name, file.signed.keys) };
}

/**
 * The root after this one: signed by the keys of both.
 * @throws AgentError also `root-rotation`, for a version that is left out, and for a root that is another repository's
 */
export function openNextRoot(former: TrustedRoot, name: string, bytes: Uint8Array): TrustedRoot {
  const next = readSelfDescribedRoot(name, bytes);
  const expected = former.signed.version + 1;
  const own = roleOf(next, "root");
  const isItsOwn = hasSigners(next, own, next.keys);
  const isSuccessor = hasSigners(next, roleOf(former, "root"), former.keys);
  if (isItsOwn && !isSuccessor) {
    throw new AgentError(
      "root-rotation",
      `The metadata file ${name} is a whole root, but the keys of root ${former.signed.version}, which this board trusts, have not signed it. The repository is another publisher's, or somebody has forked it. Check update.repository. If the publisher has begun anew, add the new trust root on the board.`,
    );
  }
  if (!isSuccessor) requireSigners(next, roleOf(former, "root"), former.keys, "the former root");
  if (!isItsOwn) requireSigners(next, own, next.keys, "it");
  if (next.signed.version !== expected) {
    throw new AgentError(
      "root-rotation",
      `The metadata file ${name} has version ${next.signed.version}, but ${expected} follows. A board goes from one version of the root to the next, and leaves none out. The publisher must serve every version of the root.`,
    );
  }
  return next;
}

export function openTimestamp(root: TrustedRoot, name: string, bytes: Uint8Array): TrustedTimestamp {
  const file = readTimestamp(name, bytes);
  requireSigners(file, roleOf(root, "timestamp"), root.keys, "the root");
  checkSize(file.signed.snapshotMeta, "snapshot.json");
  const custom = file.signed.unrecognizedFields["custom"];
  const issued = isJsonObject(custom) ? custom["issued"] : undefined;
  const issuedMs = parseTime(issued);
  if (typeof issued !== "string" || issuedMs === undefined) {
    throw invalid(name, "it does not say when it was signed (custom.issued), and boards without a clock go by that");
  }
  return { ...file, issued, issuedMs };
}

export function openSnapshot(
  root: TrustedRoot,
  timestamp: TrustedTimestamp,
  name: string,
  bytes: Uint8Array,
): MetadataFile<Snapshot> {
  requireListed(timestamp.signed.snapshotMeta, "timestamp", name, bytes);
  const file = openFormerSnapshot(root, name, bytes);
  requireVersion(timestamp.signed.snapshotMeta, "timestamp", file);
  for (const [listed, meta] of Object.entries(file.signed.meta)) checkSize(meta, listed);
  return file;
}

/** A snapshot of before, to compare versions with. It need not be the one that the timestamp names. */
export function openFormerSnapshot(root: TrustedRoot, name: string, bytes: Uint8Array): MetadataFile<Snapshot> {
  const file = readSnapshot(name, bytes);
  requireSigners(file, roleOf(root, "snapshot"), root.keys, "the root");
  return file;
}

/** The top-level role: it lists no images itself, and delegates to a role for each board. */
export function openTargets(
  root: TrustedRoot,
  snapshot: MetadataFile<Snapshot>,
  name: string,
  bytes: Uint8Array,
): TopLevelTargets {
  const meta = metaOf(snapshot, "targets");
  requireListed(meta, "snapshot", name, bytes);
  const file = readTargets(name, bytes);
  requireSigners(file, roleOf(root, "targets"), root.keys, "the root");
  requireVersion(meta, "snapshot", file);
  const { targets, delegations } = file.signed;
  if (Object.keys(targets).length > 0)
    throw invalid(name, "it lists images itself; they belong into the roles of boards");
  if (delegations === undefined) return { ...file, keys: new Map(), roles: new Map() };
  if (delegations.succinctRoles !== undefined) throw invalid(name, "it delegates to hashed roles");
  const roles = Object.values(delegations.roles ?? {});
  for (const role of roles) {
    const isForOneBoard = role.terminating && role.paths?.length === 1 && role.paths[0] === `${role.name}/*`;
    if (!isForOneBoard) throw invalid(name, `its role ${role.name} is not that of one board`);
  }
  return {
    ...file,
    keys: readKeys(name, delegations.keys),
    roles: new Map(roles.map((role) => [role.name, role])),
  };
}

/** The role of a board's name that the top-level targets delegate to. */
export function openBoardRole(
  parent: TopLevelTargets,
  role: SigningRole,
  meta: MetaFile,
  name: string,
  bytes: Uint8Array,
): MetadataFile<Targets> {
  requireListed(meta, "snapshot", name, bytes);
  const file = readTargets(name, bytes);
  requireSigners(file, role, parent.keys, "the targets role");
  requireVersion(meta, "snapshot", file);
  if (file.signed.delegations !== undefined) throw invalid(name, "it delegates to further roles");
  return file;
}

/** What the snapshot says of a role's file. */
export function metaOf(snapshot: MetadataFile<Snapshot>, role: string): MetaFile {
  const listed = snapshot.signed.meta;
  const meta = Object.hasOwn(listed, `${role}.json`) ? listed[`${role}.json`] : undefined;
  if (meta !== undefined) return meta;
  throw mismatch(`${snapshot.name} does not list ${role}.json`);
}

function checkSize({ length }: MetaFile, listed: string): void {
  if (length !== undefined && length > maxMetadataBytes) throw tooLarge(listed, `more than ${maxMetadataBytes} bytes`);
}

function requireListed(meta: MetaFile, by: string, name: string, bytes: Uint8Array): void {
  try {
    meta.verify(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  } catch (cause) {
    throw mismatch(`${name} is not the file that the ${by} lists (${errorMessage(cause)})`, cause);
  }
}

function requireVersion(meta: MetaFile, by: string, { name, signed }: MetadataFile<Snapshot | Targets>): void {
  if (signed.version === meta.version) return;
  throw mismatch(`${name} has version ${signed.version}, and the ${by} lists version ${meta.version}`);
}

function mismatch(what: string, cause?: unknown): AgentError {
  return new AgentError(
    "metadata-mismatch",
    `The metadata files do not belong together: ${what}. The repository was copied in part, or somebody mixes old files with new ones. Copy all of metadata/ again, and try again.`,
    { cause },
  );
}
