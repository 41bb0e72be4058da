import { createHash, type Hash } from "node:crypto";
import { join } from "node:path";
import type { Image } from "../update/job.ts";
import { isDiskFull } from "../lib/disk-errors.ts";
import { AgentError, errorMessage, isSystemError } from "../lib/errors.ts";
import { copyDisk, type AppendedFile, type CopyDisk } from "./copy-disk.ts";

/** Bytes for the agent's state and for logs: the usual update.keep-free. */
const keepFreeBytes = 64 * 1_048_576;
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
  readonly #disk: CopyDisk;

  constructor(folder: string, bootId: string, disk: CopyDisk = copyDisk) {
    this.#folder = folder;
    this.#bootId = bootId;
    this.#disk = disk;
  }

  /** The path of a copy that is whole: it is digested again. Undefined where there is none. A damaged one is removed. */
  async findWhole({ sha256, sizeBytes }: Image, signal: AbortSignal): Promise<string | undefined> {
    return await this.#withDiskErrors(async () => {
      const path = this.pathOf(sha256);
      const size = await this.#disk.sizeOf(path);
      if (size === undefined) return undefined;
      const hash = createHash("sha256");
      if (size === sizeBytes) await this.#disk.digestInto(hash, path, signal);
      if (size === sizeBytes && hash.digest("hex") === sha256) return path;
      await this.#disk.remove(path);
      return undefined;
    });
  }

  /** Where a copy is once it is whole. */
  pathOf(sha256: string): string {
    return join(this.#folder, `${sha256}.image`);
  }

  /** Whether there is a whole copy. It is not read. */
  async has(sha256: string): Promise<boolean> {
    return await this.#withDiskErrors(async () => (await this.#disk.sizeOf(this.pathOf(sha256))) !== undefined);
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
      const size = (await this.#disk.sizeOf(path)) ?? 0;
      if (size > sizeBytes) await this.#disk.remove(path);
      const resumeAt = size > sizeBytes ? 0 : size;
      await this.#requireRoom(sizeBytes, resumeAt);
      const hash = createHash("sha256");
      if (resumeAt > 0) await this.#disk.digestInto(hash, path, signal);
      const file = await this.#disk.append(path);
      return new GrowingCopy({
        file,
        hash,
        resumeAt,
        image: { sha256, sizeBytes },
        within: (operation) => this.#withDiskErrors(operation),
        discard: () => this.#disk.remove(path),
        keep: async () => {
          await this.#disk.makeReadOnly(path);
          await this.#disk.rename(path, this.pathOf(sha256));
          await this.#disk.syncFolder(this.#folder);
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
    const names = (await this.#disk.list(this.#folder)).filter((name) => ownName.test(name) && name !== kept);
    await Promise.all(names.map((name) => this.#disk.remove(join(this.#folder, name))));
  }

  async #requireRoom(sizeBytes: number, presentBytes: number): Promise<void> {
    const free = await this.#disk.freeBytes(this.#folder);
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
  readonly file: AppendedFile;
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
    await within(async () => await file.write(bytes));
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
