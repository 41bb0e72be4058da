import type { Targets } from "@tufjs/models";
import { maxMetadataBytes, maxRootRotations } from "../contract/signed-target.ts";
import { AgentError } from "../lib/errors.ts";
import { referenceTime, requireUnexpired, savedTimes } from "./expiry.ts";
import { tooLarge, type MetadataFile } from "./metadata-file.ts";
import { requireNewerSnapshot, requireNewerTimestamp, withoutWithdrawn } from "./order.ts";
import type { MetadataSource, StoredMetadata, TrustedTargets, TrustRecord } from "./ports.ts";
import {
  metaOf,
  openBoardRole,
  openFormerSnapshot,
  openNextRoot,
  openSnapshot,
  openTargets,
  openTimestamp,
  type TrustedRoot,
} from "./roles.ts";
import {
  openStoredRoot,
  rolesOf,
  trustedTargets,
  type LoadRequest,
  type VerifiedMetadata,
} from "./trusted-metadata.ts";

export interface RefreshRequest extends LoadRequest {
  readonly source: MetadataSource;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What a refresh came to. `stored` and `record` hold verified metadata that is never older than what was given, and are to be saved
 * in either case: after a failure they have the roots that were verified on the way, without what these roots have withdrawn.
 */
export type Refreshed = { readonly stored: StoredMetadata; readonly record: TrustRecord } & (
  | { readonly ok: true; readonly trusted: TrustedTargets }
  | { readonly ok: false; readonly error: AgentError }
);

/**
 * Reads what is newer in a repository and verifies it, as TUF's specification has it (1.0.31, 5.3 to 5.6), with our rules for time
 * and order (docs/decisions/020). Each file that is in the store already and still right is not read again.
 *
 * The timestamp, the snapshot and the targets are kept all together or not at all. `record.floor` is left as it is; `record.issued`
 * rises, and falls only to null, when the keys of the timestamp are withdrawn.
 * @returns `ok: false` with an AgentError: `trust-store-damaged`, `metadata-…`, `root-rotation`, or what the source rejects with.
 *   Rejects with the reason of the signal, and with what is no AgentError.
 */
export async function refreshMetadata(request: RefreshRequest): Promise<Refreshed> {
  const { record, ...rules } = request;
  const progress = { stored: request.stored, record };
  try {
    const root = await followRoots(request, progress);
    const verified = await readNewest(root, request, progress);
    const trusted = trustedTargets(verified, progress.record, rules);
    return { ok: true, stored: storedOf(verified), record: withIssued(progress.record, verified.timestamp), trusted };
  } catch (error) {
    if (error instanceof AgentError) return { ok: false, ...progress, error };
    throw error;
  }
}

/** What is verified so far. */
interface Progress {
  stored: StoredMetadata;
  record: TrustRecord;
}

/** Goes from root to root, and remembers each in `progress`. */
async function followRoots(request: RefreshRequest, progress: Progress): Promise<TrustedRoot> {
  let root = openStoredRoot(request.stored.root);
  for (let steps = 0; ; steps += 1) {
    const name = `${root.signed.version + 1}.root.json`;
    const bytes = await readFile(request, name);
    if (bytes === undefined) return root;
    if (steps === maxRootRotations) throw tooManyRoots(root.signed.version);
    const next = openNextRoot(root, name, bytes);
    Object.assign(progress, withoutWithdrawn(root, next, { ...progress, stored: { ...progress.stored, root: bytes } }));
    root = next;
  }
}

function tooManyRoots(version: number): AgentError {
  return new AgentError(
    "root-rotation",
    `The repository has more than ${maxRootRotations} new versions of its root. This board has verified them up to version ${version}, and keeps that. Try again, and it goes on from there.`,
  );
}

async function readNewest(
  root: TrustedRoot,
  request: RefreshRequest,
  { stored, record }: Progress,
): Promise<VerifiedMetadata> {
  // Expired already by what is known: the publisher is told of the root, not of a file that is missing.
  requireUnexpired(root, referenceTime(request.clock, savedTimes(record.issued)));
  const { timestamp: formerTimestamp, snapshot: formerSnapshot } = formerFiles(root, stored);

  const offered = openTimestamp(root, "timestamp.json", await requireFile(request, "timestamp.json"));
  if (formerTimestamp !== undefined) requireNewerTimestamp(formerTimestamp, offered);
  // Two timestamps of one version: the first one counts [TUF 1.0.31, 5.4.3].
  const isKept = formerTimestamp?.signed.version === offered.signed.version;
  const timestamp = isKept ? formerTimestamp : offered;

  const snapshotName = `${timestamp.signed.snapshotMeta.version}.snapshot.json`;
  const snapshot = await keptOrRead(request, stored.snapshot, snapshotName, (name, bytes) =>
    openSnapshot(root, timestamp, name, bytes),
  );
  if (formerSnapshot !== undefined) requireNewerSnapshot(formerSnapshot, snapshot);

  const targetsName = `${metaOf(snapshot, "targets").version}.targets.json`;
  const targets = await keptOrRead(request, stored.targets, targetsName, (name, bytes) =>
    openTargets(root, snapshot, name, bytes),
  );

  const roles = new Map<string, MetadataFile<Targets>>();
  for (const [board, role] of rolesOf(targets, request.boards)) {
    const meta = metaOf(snapshot, board);
    const open = (name: string, bytes: Uint8Array) => openBoardRole(targets, role, meta, name, bytes);
    roles.set(board, await keptOrRead(request, stored.roles.get(board), `${meta.version}.${board}.json`, open));
  }
  return { root, timestamp, snapshot, targets, roles };
}

/** The timestamp and the snapshot that new ones must not be older than: those whose signatures still hold. */
function formerFiles(root: TrustedRoot, { timestamp, snapshot }: StoredMetadata) {
  return {
    timestamp: timestamp && ifUsable(() => openTimestamp(root, "the stored timestamp", timestamp)),
    snapshot: snapshot && ifUsable(() => openFormerSnapshot(root, "the stored snapshot", snapshot)),
  };
}

/** A stored file that is still the right one; else the repository's. */
async function keptOrRead<File extends MetadataFile<unknown>>(
  request: RefreshRequest,
  stored: Uint8Array | undefined,
  name: string,
  open: (name: string, bytes: Uint8Array) => File,
): Promise<File> {
  const kept = stored && ifUsable(() => open(name, stored));
  return kept ?? open(name, await requireFile(request, name));
}

/** Undefined for a stored file that was damaged, or that the present root or snapshot no longer covers: it is read again. */
function ifUsable<File>(open: () => File): File | undefined {
  try {
    return open();
  } catch (error) {
    if (error instanceof AgentError) return undefined;
    throw error;
  }
}

async function requireFile(request: RefreshRequest, name: string): Promise<Uint8Array> {
  const bytes = await readFile(request, name);
  if (bytes !== undefined) return bytes;
  throw new AgentError(
    "metadata-missing",
    `The repository has no metadata file ${name}. The address is not that of a repository, or it was copied in part. Check update.repository: its folder metadata/ must have this file.`,
  );
}

async function readFile({ source, signal }: RefreshRequest, name: string): Promise<Uint8Array | undefined> {
  signal?.throwIfAborted();
  const bytes = await source.read(name, maxMetadataBytes, signal);
  if (bytes !== undefined && bytes.length > maxMetadataBytes)
    throw tooLarge(name, `more than ${maxMetadataBytes} bytes`);
  return bytes;
}

function storedOf({ root, timestamp, snapshot, targets, roles }: VerifiedMetadata): StoredMetadata {
  return {
    root: root.bytes,
    timestamp: timestamp.bytes,
    snapshot: snapshot.bytes,
    targets: targets.bytes,
    roles: new Map([...roles].map(([board, { bytes }]) => [board, bytes])),
  };
}

function withIssued(record: TrustRecord, { issued, issuedMs }: VerifiedMetadata["timestamp"]): TrustRecord {
  const isNewer = savedTimes(record.issued).every((savedMs) => savedMs < issuedMs);
  return isNewer ? { ...record, issued } : record;
}
