import type { TargetDescription } from "../contract/signed-target.ts";

/** Where metadata files are read from: a web server, a folder, or what the daemon has sent. Nothing that it returns is trusted. */
export interface MetadataSource {
  /**
   * Reads one file by its name in the repository (`3.root.json`, `timestamp.json`). Undefined where it has no such file.
   * Rejects with `metadata-too-large` when the file is longer than `maxBytes`, without reading it to its end.
   */
  read(name: string, maxBytes: number, signal?: AbortSignal): Promise<Uint8Array | undefined>;
}

/** Metadata files as they came, byte for byte. Each is verified again when it is loaded. */
export interface StoredMetadata {
  /** The latest trusted root. */
  readonly root: Uint8Array;
  readonly timestamp?: Uint8Array | undefined;
  readonly snapshot?: Uint8Array | undefined;
  /** The top-level targets role. */
  readonly targets?: Uint8Array | undefined;
  /** The roles of this board's names. */
  readonly roles: ReadonlyMap<string, Uint8Array>;
}

/** What is remembered beside the metadata. */
export interface TrustRecord {
  /** Targets with a lower epoch are refused. It never falls. */
  readonly floor: number;
  /** The latest signed `issued` time that was verified, in ISO 8601: the clock of a board that has none. Null before the first. */
  readonly issued: string | null;
}

/** The time by which metadata may have expired. */
export interface ReferenceClock {
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /** False: the clock has not been set, and signed times are used instead. */
  readonly isSynchronized: boolean;
}

/** A signed image: what the publisher says of it, and which bytes it is. */
export interface SignedTarget extends TargetDescription {
  /** Its path in the repository, such as `acme,gateway/app-1.2.0.tar.gz`. */
  readonly path: string;
  /** Of the file as it is served. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** What verified metadata says now. */
export interface TrustedTargets {
  readonly rootVersion: number;
  /** When the root expires, in ISO 8601. */
  readonly rootExpires: string;
  /** Why the timestamp or the snapshot is out of date, as a sentence; null where they are fresh. */
  readonly staleness: string | null;
  /** The targets of this board's names. */
  readonly targets: readonly SignedTarget[];
}

/** The trusted store as it was found. */
export interface LoadedTrust {
  readonly metadata: StoredMetadata;
  readonly record: TrustRecord;
  /** What was lost or damaged, one sentence each, with what is used instead; empty where all is well. */
  readonly problems: readonly string[];
  /** Why the store was made anew, in sentences, until an update is committed or the owner adds a trust root; else null. */
  readonly remade: string | null;
}

/**
 * What the board trusts, on its disk. Everybody may read it; root's helper alone writes it, one process at a time. A crash at any
 * moment leaves a set that can be verified, and no floor is ever lowered.
 */
export interface TrustStore {
  /**
   * Reads without writing. What is lost or damaged is replaced in the answer: the root by the seed.
   * Undefined where the board has no trust root. Rejects with `trust-store-damaged` where there is one that cannot be used.
   */
  load(): Promise<LoadedTrust | undefined>;
  /** Makes whole on the disk what `load` found lost or damaged, and remembers why. Does nothing where there were no problems. */
  repair(loaded: LoadedTrust): Promise<void>;
  /**
   * Keeps what a refresh has verified. Unchanged files are not written again.
   * @param record its signed time is kept as it is; a lower floor than the present one changes nothing
   */
  save(metadata: StoredMetadata, record: TrustRecord): Promise<void>;
  /** After a commit: targets with a lower epoch are refused from now on. A lower floor than the present one changes nothing. */
  raiseFloor(epoch: number): Promise<void>;
}
