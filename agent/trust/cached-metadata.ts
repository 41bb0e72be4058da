import { AgentError } from "../lib/errors.ts";
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
  /** All files. */
  readAll(): Promise<ReadonlyMap<string, Uint8Array>>;
  /**
   * Adds verified files, and drops those that newer ones have replaced.
   * @param rootVersion of the root that root's helper trusts: it needs the later ones only
   */
  keep(files: ReadonlyMap<string, Uint8Array>, rootVersion: number): Promise<void>;
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
  /** Undefined where the metadata cannot be used; `error` says why. */
  readonly trusted: TrustedTargets | undefined;
  readonly error: AgentError | undefined;
}

export interface RefreshedCache extends VerifiedCache {
  /** Why the repository's metadata could not be used; undefined where it was. */
  readonly failure: AgentError | undefined;
  /** The verified files that came, by their names. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Why they could not be kept on the disk. */
  readonly unkept: unknown;
}

/** What the metadata on this board says now. Asks nobody. Rejects with `trust-store-damaged`. */
export async function verifyCached({ loaded, cache, ...rules }: CacheRequest): Promise<VerifiedCache> {
  return verifyRefreshed(await readCached({ loaded, cache, ...rules }), rules);
}

/**
 * Reads what is newer in a repository, and keeps what was verified of it. Where the repository's files cannot be used, those on this
 * board are verified, by the newest root that was verified: what its publisher has revoked counts for nothing.
 * Rejects with `trust-store-damaged`, and with the reason of the signal.
 */
export async function refreshCached(
  request: CacheRequest,
  source: MetadataSource,
  signal: AbortSignal,
): Promise<RefreshedCache> {
  const { loaded, cache, ...rules } = request;
  const { stored, record } = await readCached(request);
  const files = new Map<string, Uint8Array>();
  const recording: MetadataSource = {
    async read(name, maxBytes) {
      const found = await source.read(name, maxBytes, signal);
      if (found !== undefined) files.set(name, found);
      return found;
    },
  };
  const refreshed = await refreshMetadata({ stored, record, source: recording, signal, ...rules });
  const verified = verifyRefreshed(refreshed, rules);
  if (!refreshed.ok) keepRootsOnly(files, verified.root.version);
  let unkept: unknown;
  try {
    await cache.keep(files, verifyRoot("root.json", loaded.metadata.root).version);
  } catch (cause) {
    unkept = cause;
  }
  return { ...verified, failure: refreshed.ok ? undefined : refreshed.error, files, unkept };
}

/** What root has stored, with the newer files of the cache where they can be used. */
function readCached({ loaded, cache, ...rules }: CacheRequest): Promise<Refreshed> {
  const source: MetadataSource = {
    // A file that cannot be read is one that is not there: the cache is nobody's proof of anything.
    read: async (name, maxBytes) => await cache.read(name, maxBytes).catch(() => undefined),
  };
  return refreshMetadata({ stored: loaded.metadata, record: loaded.record, source, ...rules });
}

function verifyRefreshed(refreshed: Refreshed, rules: TrustRules): VerifiedCache {
  const { stored, record } = refreshed;
  const root = verifyRoot("root.json", stored.root);
  if (refreshed.ok) return { stored, record, root, trusted: refreshed.trusted, error: undefined };
  try {
    return { stored, record, root, trusted: loadTrusted({ stored, record, ...rules }), error: undefined };
  } catch (error) {
    if (!(error instanceof AgentError) || error.code === "trust-store-damaged") throw error;
    // What was read and cannot be used says more than that nothing is there.
    const isOlder = error.code === "metadata-missing" && refreshed.error.code !== "metadata-missing";
    return { stored, record, root, trusted: undefined, error: isOlder ? refreshed.error : error };
  }
}

/** After a failure, only the roots that were followed are verified. */
function keepRootsOnly(files: Map<string, Uint8Array>, rootVersion: number): void {
  for (const name of files.keys()) {
    const version = Number(/^(\d+)\.root\.json$/.exec(name)?.[1] ?? Number.NaN);
    if (!(version <= rootVersion)) files.delete(name);
  }
}
