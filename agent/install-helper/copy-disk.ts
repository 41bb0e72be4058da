import type { Hash } from "node:crypto";
import { constants } from "node:fs";
import { chmod, open, readdir, rename, rm, stat } from "node:fs/promises";
import { isAbsent } from "../lib/errors.ts";
import { freeDiskBytes, syncFolder } from "../board/fs/files.ts";

/** What root's copies of images need of a disk. Everything rejects with system errors. */
export interface CopyDisk {
  freeBytes(folder: string): Promise<number>;
  /** The names in a folder. */
  list(folder: string): Promise<readonly string[]>;
  /** Undefined where there is no such file. */
  sizeOf(path: string): Promise<number | undefined>;
  /** Reads a file to its end. Rejects when the signal aborts. */
  digestInto(hash: Hash, path: string, signal: AbortSignal): Promise<void>;
  /** Opens a file to write at its end; creates it where it is not there. Only its owner can read it. */
  append(path: string): Promise<AppendedFile>;
  makeReadOnly(path: string): Promise<void>;
  /** Survives a power cut only after syncFolder. */
  rename(from: string, to: string): Promise<void>;
  /** Does nothing where there is no such file. */
  remove(path: string): Promise<void>;
  syncFolder(folder: string): Promise<void>;
}

export interface AppendedFile {
  write(bytes: Uint8Array): Promise<void>;
  /** Makes what was written survive a power cut. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

const chunkBytes = 256 * 1_024;

/** The real disk. */
export const copyDisk: CopyDisk = {
  freeBytes: freeDiskBytes,
  list: (folder) => readdir(folder),
  async sizeOf(path) {
    try {
      return (await stat(path)).size;
    } catch (cause) {
      if (isAbsent(cause)) return undefined;
      throw cause;
    }
  },
  digestInto,
  async append(path) {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_APPEND;
    const file = await open(path, flags, 0o600);
    return { write: (bytes) => file.appendFile(bytes), sync: () => file.sync(), close: () => file.close() };
  },
  makeReadOnly: (path) => chmod(path, 0o400),
  rename,
  remove: (path) => rm(path, { force: true }),
  syncFolder,
};

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
