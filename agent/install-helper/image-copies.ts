import { createHash, type Hash } from "node:crypto";
import { constants } from "node:fs";
import { chmod, open, readdir, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { Image } from "../update/job.ts";
import { isDiskFull } from "../lib/disk-errors.ts";
import { AgentError, errorMessage, isAbsent, isSystemError } from "../lib/errors.ts";
import { freeDiskBytes, syncFolder } from "../board/fs/files.ts";

/** Bytes for the agent's state and for logs: the usual update.keep-free. */
const keepFreeBytes = 64 * 1_048_576;
const chunkBytes = 256 * 1_024;
/** `image.new` is of the helper of earlier releases. */
const ownName = /^(?:[0-9a-f]{64}\.(?:image|[0-9a-f-]{1,36}\.part)|image\.new)$/;

/**
 * Root's own copies of images, in a folder that nobody else can enter: `SHA256.BOOT.part` while the bytes arrive, then
 * `SHA256.image`. A copy that was begun in this boot is continued, also by another process: its bytes are digested again first.
 * After a power cut its last bytes may be lost, so it begins anew. There is one image at a time.
 */
export class ImageCopies {
  readonly #folder: string;
  readonly #bootId: string;
  readonly #freeBytes: (folder: string) => Promise<number>;

  constructor(folder: string, bootId: string, freeBytes: (folder: string) => Promise<number> = freeDiskBytes) {
    this.#folder = folder;
    this.#bootId = bootId;
    this.#freeBytes = freeBytes;
  }

  /** The path of a copy that is whole: it is digested again. Undefined where there is none. A damaged one is removed. */
  async findWhole({ sha256, sizeBytes }: Image, signal: AbortSignal): Promise<string | undefined> {
    return await this.#withDiskErrors(async () => {
      const path = this.pathOf(sha256);
      const size = await sizeOf(path);
      if (size === undefined) return undefined;
      const hash = createHash("sha256");
      if (size === sizeBytes) await digestInto(hash, path, signal);
      if (size === sizeBytes && hash.digest("hex") === sha256) return path;
      await rm(path);
      return undefined;
    });
  }

  /** Where a copy is once it is whole. */
  pathOf(sha256: string): string {
    return join(this.#folder, `${sha256}.image`);
  }

  /** Whether there is a whole copy. It is not read. */
  async has(sha256: string): Promise<boolean> {
    return await this.#withDiskErrors(async () => (await sizeOf(this.pathOf(sha256))) !== undefined);
  }

  /**
   * Begins a copy, or continues the one that was begun. Removes those of other images.
   * @throws AgentError `no-space` where it does not fit
   */
  async begin({ sha256, sizeBytes }: Image, signal: AbortSignal): Promise<GrowingCopy> {
    return await this.#withDiskErrors(async () => {
      const name = `${sha256}.${this.#bootId}.part`;
      await this.#removeAllBut(name);
      const path = join(this.#folder, name);
      const size = (await sizeOf(path)) ?? 0;
      if (size > sizeBytes) await rm(path);
      const resumeAt = size > sizeBytes ? 0 : size;
      await this.#requireRoom(sizeBytes, resumeAt);
      const hash = createHash("sha256");
      if (resumeAt > 0) await digestInto(hash, path, signal);
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_APPEND;
      const file = await open(path, flags, 0o600);
      return new GrowingCopy({
        file,
        hash,
        resumeAt,
        image: { sha256, sizeBytes },
        within: (operation) => this.#withDiskErrors(operation),
        discard: () => rm(path, { force: true }),
        keep: async () => {
          await chmod(path, 0o400);
          await rename(path, this.pathOf(sha256));
          await syncFolder(this.#folder);
          return this.pathOf(sha256);
        },
      });
    });
  }

  /** Removes all copies, whole or not. */
  async removeAll(): Promise<void> {
    await this.#withDiskErrors(async () => await this.#removeAllBut());
  }

  async #removeAllBut(kept?: string): Promise<void> {
    const names = (await readdir(this.#folder)).filter((name) => ownName.test(name) && name !== kept);
    await Promise.all(names.map((name) => rm(join(this.#folder, name), { force: true })));
  }

  async #requireRoom(sizeBytes: number, presentBytes: number): Promise<void> {
    const free = await this.#freeBytes(this.#folder);
    if (free >= sizeBytes - presentBytes + keepFreeBytes) return;
    throw new AgentError(
      "no-space",
      `Root's copy of the image, in ${this.#folder}, needs ${sizeBytes - presentBytes} bytes besides ${keepFreeBytes} that must stay free, and the disk has ${free}. Free some space, then request the update again.`,
    );
  }

  async #withDiskErrors<T>(operation: () => Promise<T>): Promise<T> {
    try {
      return await operation();
    } catch (cause) {
      if (!isSystemError(cause)) throw cause;
      const message = `Root's copy of the image cannot be written or read in ${this.#folder}: ${errorMessage(cause)}.`;
      if (isDiskFull(cause)) throw new AgentError("no-space", `${message} Free some space.`, { cause });
      throw new AgentError("disk-error", `${message} Check the board's disk.`, { cause });
    }
  }
}

interface GrowingCopyParts {
  readonly file: FileHandle;
  readonly hash: Hash;
  readonly resumeAt: number;
  readonly image: Image;
  readonly within: <T>(operation: () => Promise<T>) => Promise<T>;
  readonly discard: () => Promise<void>;
  /** Makes the file the whole copy; returns its path. */
  readonly keep: () => Promise<string>;
}

/** A copy whose bytes arrive. Whoever has begun it must finish or close it. */
export class GrowingCopy {
  readonly #parts: GrowingCopyParts;
  #bytes: number;

  constructor(parts: GrowingCopyParts) {
    this.#parts = parts;
    this.#bytes = parts.resumeAt;
  }

  /** How many bytes there were already. */
  get resumeAt(): number {
    return this.#parts.resumeAt;
  }

  get missingBytes(): number {
    return this.#parts.image.sizeBytes - this.#bytes;
  }

  async write(bytes: Uint8Array): Promise<void> {
    const { file, hash, within } = this.#parts;
    hash.update(bytes);
    this.#bytes += bytes.length;
    await within(async () => await file.appendFile(bytes));
  }

  /**
   * Closes the copy, which is whole now.
   * @returns its path, where nobody but root can change it
   * @throws AgentError `image-changed` where the bytes are not the image; nothing of them is kept
   */
  async finish(): Promise<string> {
    const { file, hash, image, within, discard, keep } = this.#parts;
    if (hash.digest("hex") !== image.sha256 || this.missingBytes !== 0) {
      await this.close();
      await within(discard);
      throw new AgentError(
        "image-changed",
        "The image that the install helper received is not the requested one: its SHA-256 differs. Request the update again; if it recurs, check who may write to the agent's staging folder.",
      );
    }
    await within(async () => await file.sync());
    await this.close();
    return await within(keep);
  }

  /** Closes the copy as it is. The next call of `begin` continues it. One without a byte is removed. */
  async close(): Promise<void> {
    const { file, within, discard } = this.#parts;
    await file.close();
    if (this.#bytes === 0) await within(discard);
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (cause) {
    if (isAbsent(cause)) return undefined;
    throw cause;
  }
}

/** Read through one buffer: a stream would allocate one for each read. */
async function digestInto(hash: Hash, path: string, signal: AbortSignal): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(chunkBytes);
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, chunkBytes, null);
      if (bytesRead === 0) return;
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}
