import { randomBytes } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { isAbsent } from "../../lib/errors.ts";
import { stateFileNames } from "../../config/paths.ts";
import type { ReserveFile } from "../../state/disk-reserve.ts";
import { nodeDisk, type Disk } from "./disk.ts";
import { nearlyFullBytes, freeDiskBytes, makeFolder } from "./files.ts";

/** Several times the largest state: up to 32 remembered operations, and the addresses of one image. */
export const reserveBytes = 256 * 1_024;

/**
 * The disk reserve: a file beside the state that is removed when the disk is full, to make room for the state. It holds random
 * bytes, because a file system may store zeros without using blocks.
 */
export class DiskReserveFile implements ReserveFile {
  readonly #folder: string;
  readonly #path: string;
  readonly #disk: Disk;
  readonly #freeBytes: typeof freeDiskBytes;

  constructor(folder: string, disk: Disk = nodeDisk, freeBytes = freeDiskBytes) {
    this.#freeBytes = freeBytes;
    this.#folder = folder;
    this.#path = join(folder, stateFileNames.reserve);
    this.#disk = disk;
  }

  async release(): Promise<void> {
    await this.#disk.remove(this.#path);
    await this.#disk.syncFolder(this.#folder); // Some file systems reuse freed blocks only after a sync.
  }

  async refill(): Promise<void> {
    await makeFolder(this.#folder, this.#disk);
    if ((await sizeOf(this.#path)) === reserveBytes) return;
    if ((await this.#freeBytes(this.#folder)) < nearlyFullBytes)
      throw Object.assign(new Error("hardly any space is left on the disk"), { code: "ENOSPC" });
    try {
      const file = await this.#disk.create(this.#path, 0o600);
      try {
        await file.write(randomBytes(reserveBytes));
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (cause) {
      await this.#disk.remove(this.#path).catch(() => undefined); // The first error is the one to report.
      throw cause;
    }
    await this.#disk.syncFolder(this.#folder);
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (cause) {
    if (isAbsent(cause)) return 0;
    throw cause;
  }
}
