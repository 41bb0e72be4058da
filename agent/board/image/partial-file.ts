import { createHash, type Hash } from "node:crypto";
import type { Stats } from "node:fs";
import { stat, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import type { BootClock } from "../../lib/clock.ts";
import { AgentError, isAbsent } from "../../lib/errors.ts";
import type { PartialImage } from "../../download/ports.ts";
import {
  metadataPath,
  type ImageSource,
  type PartialMetadata,
  type DownloadUsage,
} from "../../download/partial-metadata.ts";
import { type Disk } from "../fs/disk.ts";
import { goneAdvice, withDiskErrors, replaceFile } from "../fs/files.ts";
import { DirectWriter } from "./direct-writer.ts";

/** The image is synced while it arrives: no long sync at the end, and little to lose in a power cut. */
const syncEveryBytes = 8 * 1_024 * 1_024;
const syncEveryMs = 30_000;
/** SD cards wear: the record is written at most this often while bytes arrive, and while none do. */
const recordEveryMs = 5_000;
const usageEveryMs = 600_000;
export interface PartialFileOptions {
  /** Free bytes that images must leave. Checked while an image arrives, because other programs write to the disk too. */
  readonly keepFreeBytes: number;
  readonly freeBytes: (folder: string) => Promise<number>;
  /** Writes the records. */
  readonly disk: Disk;
}

/** A partial file at the end of what is usable of it, with all of that digested. */
export interface OpenedFile {
  readonly file: FileHandle;
  readonly hash: Hash;
  readonly bytes: number;
}

export class PartialFile implements PartialImage {
  readonly #path: string;
  readonly #bootClock: BootClock;
  readonly #options: PartialFileOptions;
  readonly #file: FileHandle;
  readonly #writer: DirectWriter;
  #hash: Hash;
  #record: PartialMetadata;
  #syncedAtMs: number;
  /** How many bytes there were when the last sync began. */
  #syncedFromBytes: number;
  /** The last sync: bytes may arrive while it runs. */
  #syncing: Promise<void> = Promise.resolve();
  #isSyncing = false;
  /** When this process last wrote the record; undefined before. */
  #recordWrittenAtMs: number | undefined;
  #isRecordWritten = false;
  /** What the last append that failed rejected with: its caller knows it. */
  #reportedError: unknown;

  constructor(
    path: string,
    bootClock: BootClock,
    terms: PartialFileOptions,
    { file, hash, bytes }: OpenedFile,
    record: PartialMetadata,
  ) {
    this.#options = terms;
    this.#path = path;
    this.#bootClock = bootClock;
    this.#file = file;
    this.#writer = new DirectWriter(file, bytes);
    this.#hash = hash;
    this.#record = record;
    this.#syncedAtMs = bootClock.nowMs();
    this.#syncedFromBytes = bytes;
  }

  get bytes(): number {
    return this.#writer.takenBytes;
  }

  get totalBytes(): number | null {
    return this.#record.totalBytes;
  }

  get source(): ImageSource | null {
    return this.#record.source;
  }

  get usage(): DownloadUsage {
    return this.#record.spent;
  }

  async append(piece: Uint8Array): Promise<void> {
    await withDiskErrors(dirname(this.#path), async () => {
      try {
        await this.#append(piece);
      } catch (cause) {
        this.#reportedError = cause;
        throw cause;
      }
    });
  }

  digest(): string {
    return this.#hash.copy().digest("hex");
  }

  async setSource(totalBytes: number | null, source: ImageSource): Promise<void> {
    await withDiskErrors(dirname(this.#path), async () => {
      await this.#syncing;
      this.#updateRecord({ totalBytes, source });
      await this.#writeRecord(recordEveryMs);
    });
  }

  async saveUsage(spent: DownloadUsage): Promise<void> {
    await withDiskErrors(dirname(this.#path), async () => {
      await this.#syncing;
      this.#updateRecord({ spent });
      await this.#writeRecord(usageEveryMs);
    });
  }

  setUsage(spent: DownloadUsage): void {
    this.#updateRecord({ spent });
  }

  async startOver(spent: DownloadUsage): Promise<void> {
    await withDiskErrors(dirname(this.#path), async () => {
      await this.#syncing;
      this.#updateRecord({ spent, syncedBytes: 0, totalBytes: null, source: null });
      await this.#writer.restart(0);
      await this.#file.truncate(0); // First: a file that is shorter than its record is detected at the next start, a longer one is not.
      this.#hash = createHash("sha256");
      this.#syncedFromBytes = 0;
      await this.#writeRecord(0);
    });
  }

  /**
   * Whatever fails, nothing goes on afterwards, and what was written is synced and recorded as far as that can be. Rejects with
   * the first failure that `append` has not reported.
   */
  async close(): Promise<void> {
    await withDiskErrors(dirname(this.#path), async () => {
      const errors: unknown[] = [];
      const note = (cause: unknown): void => void errors.push(cause);
      await this.#writer.flush().catch((cause: unknown) => {
        if (cause !== this.#reportedError) note(cause);
      });
      await this.#syncAtEnd().catch(note);
      await this.#writer.close().catch(note);
      await this.#file.close().catch(note);
      if (errors.length > 0) throw errors[0];
    });
  }

  async #append(piece: Uint8Array): Promise<void> {
    const writing = this.#writer.append(piece);
    this.#hash.update(piece);
    await writing;
    const isDue = this.#bootClock.nowMs() - this.#syncedAtMs >= syncEveryMs;
    if (isDue || this.bytes - this.#syncedFromBytes >= syncEveryBytes) {
      // Nothing is held in memory for long: not until the next sync, nor while a slow disk has not ended the last one.
      if (isDue || this.#isSyncing) await this.#writer.flush();
      await this.#startSync();
      await this.#checkFreeSpace();
    }
    this.#writer.flushWhenIdle();
  }

  async #checkFreeSpace(): Promise<void> {
    const { keepFreeBytes, freeBytes } = this.#options;
    const free = await freeBytes(dirname(this.#path));
    if (free >= keepFreeBytes) return;
    throw new AgentError(
      "no-space",
      `The disk filled up while the image arrived: ${free} bytes are free, and ${keepFreeBytes} must stay free (update.keep-free). Free some space, then request the update again.`,
    );
  }

  /**
   * Starts a sync in the background once the previous one is over: a disk that is slower than the network slows the download
   * down, and only one sync writes the record at a time. Rejects as the previous sync did.
   */
  async #startSync(): Promise<void> {
    await this.#syncing;
    this.#isSyncing = true;
    this.#syncing = this.#sync().finally(() => (this.#isSyncing = false));
    this.#syncing.catch(() => undefined); // The next await gets the rejection.
  }

  /** Not after a sync that has failed: the next one would not notice what that has lost. */
  async #syncAtEnd(): Promise<void> {
    await this.#syncing;
    await this.#sync();
    await this.#writeRecord(0);
  }

  /** Bytes first, then the record that says that they are on disk. */
  async #sync(): Promise<void> {
    this.#syncedAtMs = this.#bootClock.nowMs();
    this.#syncedFromBytes = this.bytes;
    await this.#writer.settled();
    const bytes = this.#writer.writtenBytes;
    if (this.#record.syncedBytes === bytes) return;
    await this.#checkPlace();
    await this.#file.datasync();
    this.#updateRecord({ syncedBytes: bytes });
    await this.#writeRecord(recordEveryMs);
  }

  /** Writing to a file goes on when it was removed or its disk was detached: it is looked for where it will be used. */
  async #checkPlace(): Promise<void> {
    const [own, there] = [await this.#file.stat(), await statUnlessAbsent(this.#path)];
    if (there?.dev === own.dev && there.ino === own.ino) return;
    throw new AgentError(
      "disk-error",
      `The image that arrives is no longer at its place in ${dirname(this.#path)}: the folder was removed, or its disk was unmounted. ${goneAdvice}`,
    );
  }

  #updateRecord(change: Partial<PartialMetadata>): void {
    this.#record = { ...this.#record, ...change };
    this.#isRecordWritten = false;
  }

  async #writeRecord(everyMs: number): Promise<void> {
    const nowMs = this.#bootClock.nowMs();
    if (this.#isRecordWritten || (this.#recordWrittenAtMs !== undefined && nowMs - this.#recordWrittenAtMs < everyMs))
      return;
    const record = this.#record;
    await replaceFile(metadataPath(this.#path), `${JSON.stringify(record)}\n`, this.#options.disk);
    this.#isRecordWritten = this.#record === record; // It may have changed meanwhile.
    this.#recordWrittenAtMs = nowMs;
  }
}

async function statUnlessAbsent(path: string): Promise<Stats | undefined> {
  return await stat(path).catch((cause: unknown) => {
    if (isAbsent(cause)) return undefined;
    throw cause;
  });
}
