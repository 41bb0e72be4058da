import { maxMetadataBytes } from "../contract/signed-target.ts";
import { AgentError } from "../lib/errors.ts";
import { readSnapshot, readTargets } from "./metadata-file.ts";
import type { LoadedTrust, MetadataSource, StoredMetadata, TrustedTargets, TrustRecord } from "./ports.ts";
import { refreshMetadata, type Refreshed } from "./refresh.ts";
import { loadTrusted, type TrustRules } from "./trusted-metadata.ts";
import { verifyRoot, type TrustRoot } from "./trust-root.ts";

/*
 * The daemon's side of signed metadata: what root has stored, and newer files that the daemon has downloaded since. All of it is
 * verified each time it is used; root's helper verifies it once more.
 */

/** Where downloaded metadata is kept, by its names in the repository. */
export interface MetadataCacheFiles extends MetadataSource {
  /** Keeps these files, which were verified together, and nothing else: an older file beside newer ones is of no use. */
  keep(files: ReadonlyMap<string, Uint8Array>): Promise<void>;
}

export interface CacheRequest extends TrustRules {
  readonly loaded: LoadedTrust;
  readonly cache: MetadataCacheFiles;
}

/** What verified metadata says, or why it says nothing. */
export interface VerifiedCache {
  readonly stored: StoredMetadata;
  readonly record: TrustRecord;
  readonly root: TrustRoot;
  /** The same by its names in the repository, from the root that root has stored on: what root's helper needs to verify it. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Undefined where the metadata cannot be used; `error` says why. */
  readonly trusted: TrustedTargets | undefined;
  readonly error: AgentError | undefined;
}

export interface RefreshedCache extends VerifiedCache {
  /** Why the repository's metadata could not be used; undefined where it was. */
  readonly failure: AgentError | undefined;
  /** Why the files could not be kept on the disk. */
  readonly unkept: unknown;
}

/** What the metadata on this board says now. Asks nobody. Rejects with `trust-store-damaged`. */
export async function verifyCached({ loaded, cache, ...rules }: CacheRequest): Promise<VerifiedCache> {
  const { refreshed, roots } = await readCached({ loaded, cache, ...rules });
  return verifyRefreshed(refreshed, roots, rules);
}

/**
 * Reads what is newer in a repository, and keeps what was verified of it. Where the repository's files cannot be used, those on this
 * board are verified, by the newest root that was verified: what its publisher has revoked counts for nothing.
 * Two of one cache must not run at the same time. Rejects with `trust-store-damaged`, and with the reason of the signal.
 */
export async function refreshCached(
  request: CacheRequest,
  source: MetadataSource,
  signal: AbortSignal,
): Promise<RefreshedCache> {
  const { loaded: _loaded, cache, ...rules } = request;
  const former = await readCached(request);
  const { stored, record } = former.refreshed;
  const newer = new RecordedRoots(source);
  const refreshed = await refreshMetadata({ stored, record, source: newer, signal, ...rules });
  const verified = verifyRefreshed(refreshed, new Map([...former.roots, ...newer.files]), rules);
  const failure = refreshed.ok ? undefined : refreshed.error;
  // After a failure, only roots that were followed are news.
  if (failure !== undefined && refreshed.stored.root === stored.root)
    return { ...verified, failure, unkept: undefined };
  let unkept: unknown;
  try {
    await cache.keep(verified.files);
  } catch (cause) {
    unkept = cause;
  }
  return { ...verified, failure, unkept };
}

/**
 * What root has stored, with the newer files of the cache where they can be used. A cache counts only if it goes on from the very
 * root that root has stored: else that is another publisher's now, or one's who began anew, and former files would say that his
 * are too old.
 */
async function readCached({ loaded, cache, ...rules }: CacheRequest): Promise<{ refreshed: Refreshed; roots: Files }> {
  const { metadata: stored, record } = loaded;
  // A file that cannot be read is one that is not there: the cache is nobody's proof of anything.
  const read: MetadataSource["read"] = async (name, maxBytes) =>
    await cache.read(name, maxBytes).catch(() => undefined);
  const base = rootName(verifyRoot("root.json", stored.root).version);
  const found = await read(base, maxMetadataBytes);
  const goesOn = found !== undefined && Buffer.compare(found, stored.root) === 0;
  const source = new RecordedRoots({ read: goesOn ? read : async () => undefined });
  const refreshed = await refreshMetadata({ stored, record, source, ...rules });
  return { refreshed, roots: new Map([[base, stored.root], ...source.files]) };
}

type Files = ReadonlyMap<string, Uint8Array>;

/** Remembers the roots that were read. */
class RecordedRoots implements MetadataSource {
  readonly files = new Map<string, Uint8Array>();
  readonly #source: MetadataSource;

  constructor(source: MetadataSource) {
    this.#source = source;
  }

  async read(name: string, maxBytes: number, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    const found = await this.#source.read(name, maxBytes, signal);
    if (found !== undefined && versionOfRoot(name) !== undefined) this.files.set(name, found);
    return found;
  }
}

function rootName(version: number): string {
  return `${version}.root.json`;
}

function versionOfRoot(name: string): number | undefined {
  const [, version] = /^(\d+)\.root\.json$/.exec(name) ?? [];
  return version === undefined ? undefined : Number(version);
}

function verifyRefreshed(refreshed: Refreshed, roots: Files, rules: TrustRules): VerifiedCache {
  const { stored, record } = refreshed;
  const root = verifyRoot("root.json", stored.root);
  // The last one that was read may be the one that was refused.
  const followed = [...roots].filter(([name]) => (versionOfRoot(name) ?? 0) <= root.version);
  const known = { stored, record, root, files: new Map([...followed, ...namedFiles(stored)]) };
  if (refreshed.ok) return { ...known, trusted: refreshed.trusted, error: undefined };
  try {
    return { ...known, trusted: loadTrusted({ stored, record, ...rules }), error: undefined };
  } catch (error) {
    if (!(error instanceof AgentError) || error.code === "trust-store-damaged") throw error;
    // What was read and cannot be used says more than that nothing is there.
    const isOlder = error.code === "metadata-missing" && refreshed.error.code !== "metadata-missing";
    return { ...known, trusted: undefined, error: isOlder ? refreshed.error : error };
  }
}

/** By their names in the repository, which have their versions; without the root, and without what was damaged. */
function namedFiles({ timestamp, snapshot, targets, roles }: StoredMetadata): [name: string, bytes: Uint8Array][] {
  const versioned = (role: string, bytes: Uint8Array | undefined, read: typeof readTargets | typeof readSnapshot) => {
    if (bytes === undefined) return [];
    try {
      const name = `${read(`${role}.json`, bytes).signed.version}.${role}.json`;
      return [[name, bytes] as [string, Uint8Array]];
    } catch (error) {
      if (error instanceof AgentError) return [];
      throw error;
    }
  };
  return [
    ...versioned("snapshot", snapshot, readSnapshot),
    ...versioned("targets", targets, readTargets),
    ...[...roles].flatMap(([board, bytes]) => versioned(board, bytes, readTargets)),
    ...(timestamp === undefined ? [] : [["timestamp.json", timestamp] as [string, Uint8Array]]),
  ];
}
