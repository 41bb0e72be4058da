import { createHash } from "node:crypto";
import type { Stats } from "node:fs";
import { readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { AgentError, isAbsent } from "../../lib/errors.ts";
import { openRegularFile } from "../../lib/regular-file.ts";
import { metadataPath } from "../../download/partial-metadata.ts";
import type { StagingArea } from "../../update/ports.ts";
import { freeDiskBytes, makeFolder, withDiskErrors, syncFolder } from "../fs/files.ts";

/** Large enough to be fast, small enough to hash in a few milliseconds on a small board: methods are answered in between. */
const chunkBytes = 256 * 1024;

/** Older file times come from a clock that was not set: there was no agent then. */
const oldestMs = Date.UTC(2026, 0, 1);

/**
 * Images in a folder: `<sha256>.part` while an image arrives, with its record `<sha256>.part.json`, and `<sha256>.image` once
 * it is complete.
 */
export class StagingFolder implements StagingArea {
  readonly #folder: string;
  readonly #keepFreeBytes: number;
  readonly #quotaBytes: number;

  /**
   * @param keepFreeBytes free bytes that images must leave, for the agent's state and for logs
   * @param quotaBytes what all images together may take
   */
  constructor(folder: string, keepFreeBytes: number, quotaBytes = Infinity) {
    this.#folder = folder;
    this.#keepFreeBytes = keepFreeBytes;
    this.#quotaBytes = quotaBytes;
  }

  async availableBytes(): Promise<number> {
    return await this.#withDiskErrors(async () => {
      await makeFolder(this.#folder);
      const names = (await this.#names()).filter(isImageFile);
      const ofDisk = (await this.#freeBytesBeyondReserve()) + (await this.#sizeOf(names, ".part"));
      return Math.max(0, Math.min(ofDisk, this.#quotaBytes - (await this.#sizeOf(names, ".image"))));
    });
  }

  async partialPath(sha256: string): Promise<string> {
    await this.#withDiskErrors(async () => await makeFolder(this.#folder));
    return join(this.#folder, `${sha256}.part`);
  }

  stagedPath(sha256: string): string {
    return join(this.#folder, `${sha256}.image`);
  }

  async promote(sha256: string): Promise<void> {
    const staged = this.stagedPath(sha256);
    await this.#withDiskErrors(async () => {
      try {
        await rename(join(this.#folder, `${sha256}.part`), staged);
      } catch (cause) {
        if (!isAbsent(cause)) throw cause;
        await this.#requireFile(staged);
      }
      await rm(metadataPath(join(this.#folder, `${sha256}.part`)), { force: true });
      await syncFolder(this.#folder);
    });
  }

  async verify(sha256: string, signal: AbortSignal): Promise<void> {
    const path = this.stagedPath(sha256);
    await this.#withDiskErrors(async () => await this.#requireFile(path));
    if ((await this.#withDiskErrors(async () => await digestFile(path, signal))) !== sha256)
      throw imageChanged("changed after it was checked");
  }

  async *read(sha256: string, fromByte: number, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const path = this.stagedPath(sha256);
    await this.#withDiskErrors(async () => await this.#requireFile(path));
    const file = await this.#withDiskErrors(async () => await openRegularFile(path));
    try {
      const buffer = Buffer.allocUnsafeSlow(chunkBytes);
      for (let at = fromByte; ;) {
        signal.throwIfAborted();
        const position = at;
        const read = async (): Promise<number> => (await file.read(buffer, 0, chunkBytes, position)).bytesRead;
        const bytesRead = await this.#withDiskErrors(read);
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
        at += bytesRead;
      }
    } finally {
      await file.close();
    }
  }

  async discard(sha256: string): Promise<void> {
    await this.#withDiskErrors(async () => {
      const removals = partialNames(sha256).map((name) => rm(join(this.#folder, name), { force: true }));
      await Promise.all(removals);
      await syncFolder(this.#folder);
    });
  }

  async removeAllExcept(except: readonly string[], protectedPartials: readonly string[] = []): Promise<void> {
    const images = except.flatMap((sha256) => [...partialNames(sha256), `${sha256}.image`]);
    await this.#keepOnly([...images, ...protectedPartials.flatMap(partialNames)]);
  }

  async removeAllButPartial(sha256: string, protectedPartials: readonly string[] = []): Promise<number | null> {
    const partial = await this.#withDiskErrors(async () => await this.#stat(`${sha256}.part`));
    const fits =
      partial !== undefined &&
      partial.size <= this.#quotaBytes &&
      (await this.#withDiskErrors(async () => await this.#freeBytesBeyondReserve())) >= 0;
    const isWorthIt = fits && partial.size > 0;
    await this.#keepOnly([...(isWorthIt ? [sha256] : []), ...protectedPartials].flatMap(partialNames));
    return isWorthIt ? await this.#ageOf(`${sha256}.part`, partial) : null;
  }

  async #withDiskErrors<T>(operation: () => Promise<T>): Promise<T> {
    return await withDiskErrors(this.#folder, operation);
  }

  /** How long ago a file was modified, in milliseconds. A time from an unset clock counts from now on. */
  async #ageOf(name: string, { mtimeMs }: Stats): Promise<number> {
    const nowMs = Date.now();
    if (mtimeMs >= oldestMs) return Math.max(0, nowMs - mtimeMs);
    await this.#withDiskErrors(async () => await utimes(join(this.#folder, name), nowMs / 1_000, nowMs / 1_000));
    return 0;
  }

  /** Free bytes beyond those that images must leave; negative when other programs have used some of those. */
  async #freeBytesBeyondReserve(): Promise<number> {
    return (await freeDiskBytes(this.#folder)) - this.#keepFreeBytes;
  }

  async #keepOnly(kept: readonly string[]): Promise<void> {
    await this.#withDiskErrors(async () => {
      const names = await this.#names();
      const keptNames = new Set(kept);
      const others = names.filter((name) => isImageFile(name) && !keptNames.has(name));
      await Promise.all(others.map((name) => rm(join(this.#folder, name), { force: true })));
      if (others.length > 0) await syncFolder(this.#folder);
    });
  }

  async #sizeOf(names: readonly string[], suffix: string): Promise<number> {
    const sizes = names
      .filter((name) => name.endsWith(suffix))
      .map(async (name) => (await this.#stat(name))?.size ?? 0);
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  }

  async #names(): Promise<string[]> {
    return await unlessAbsent(async () => await readdir(this.#folder), []);
  }

  async #stat(name: string): Promise<Stats | undefined> {
    return await unlessAbsent(async () => await stat(join(this.#folder, name)), undefined);
  }

  async #requireFile(path: string): Promise<void> {
    try {
      await stat(path);
    } catch (cause) {
      if (!isAbsent(cause)) throw cause;
      await stat(this.#folder); // Where the whole folder is gone, the image is not to blame.
      throw imageChanged("is gone", cause);
    }
  }
}

/** Other programs may use the folder too: only files with these names are ever removed. */
function isImageFile(name: string): boolean {
  return /^[0-9a-f]{64}\.(part|part\.json|part\.json\.new|image)$/.test(name);
}

function partialNames(sha256: string): string[] {
  return [`${sha256}.part`, metadataPath(`${sha256}.part`)];
}

async function unlessAbsent<T>(read: () => Promise<T>, fallback: T): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (isAbsent(cause)) return fallback;
    throw cause;
  }
}

/** SHA-256 of a file, read through one buffer: a stream would allocate one for each read. */
async function digestFile(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(chunkBytes);
  const file = await openRegularFile(path);
  try {
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, chunkBytes, null);
      if (bytesRead === 0) return hash.digest("hex");
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

function imageChanged(what: string, cause?: unknown): AgentError {
  return new AgentError(
    "image-changed",
    `The staged image ${what}. Request the update again; if it recurs, replace the storage.`,
    { cause },
  );
}
