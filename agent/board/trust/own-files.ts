import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { errorCode, NotRegularFile } from "../../lib/errors.ts";
import { openRegularFile } from "../../lib/regular-file.ts";
import { nodeDisk, type Disk } from "../fs/disk.ts";

/* Small files that are read as root, or from a stick that somebody has brought: no link is followed. */

/** More than the store holds: every file of metadata at its largest, and a third for its text form. */
const maxStoreBytes = 8 * 1_048_576;

/**
 * A whole regular file; its last part may not be a link.
 * @throws NotRegularFile for anything else, for a link and for a file with more than `maxBytes`; a system error such as ENOENT
 */
export async function readWholeFile(path: string, maxBytes: number): Promise<Uint8Array> {
  const file = await openUnlinked(path, constants.O_RDONLY);
  try {
    return await readAtMost(file, path, maxBytes);
  } finally {
    await file.close();
  }
}

/** @throws NotRegularFile where there are more bytes */
export async function readAtMost(file: FileHandle, path: string, maxBytes: number): Promise<Uint8Array> {
  const pieces: Buffer[] = [];
  for (let total = 0; ;) {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(64 * 1_024), 0, 64 * 1_024, null);
    if (bytesRead === 0) return Buffer.concat(pieces);
    total += bytesRead;
    if (total > maxBytes) throw new TooLarge(`${path} has more than ${maxBytes} bytes`);
    pieces.push(buffer.subarray(0, bytesRead));
  }
}

/** A file is larger than it may be. */
export class TooLarge extends NotRegularFile {}

async function openUnlinked(path: string, flags: number, mode?: number): Promise<FileHandle> {
  try {
    return await openRegularFile(path, flags | constants.O_NOFOLLOW, mode);
  } catch (cause) {
    if (errorCode(cause) === "ELOOP") throw new NotRegularFile(`${path} is a link, not a file`);
    throw cause;
  }
}

/** The real disk for files that only their owner should have touched: links are refused. */
export const unlinkedDisk: Disk = {
  ...nodeDisk,
  read: async (path) => Buffer.from(await readWholeFile(path, maxStoreBytes)).toString("utf8"),
  async create(path, mode) {
    const file = await openUnlinked(path, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, mode);
    await file.chmod(mode); // Whatever the umask: others read what root has written.
    return { write: (content) => file.writeFile(content), sync: () => file.sync(), close: () => file.close() };
  },
};

/** open(2): a handle to whatever lies there, which is not opened: neither does a device start, nor does a FIFO wait. */
const O_PATH = 0o10000000;

/**
 * Opens a file by its way down from a folder, whose own path may have links. No part of the way may be one, also not one that
 * is put there meanwhile.
 * @throws NotRegularFile where a link or something else lies there; a system error such as ENOENT
 */
export async function openBelow(folder: string, way: readonly string[]): Promise<FileHandle> {
  const shown = [folder, ...way].join("/");
  let at = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    for (const [index, name] of way.entries()) {
      const next = await open(`/proc/self/fd/${at.fd}/${name}`, O_PATH | constants.O_NOFOLLOW);
      await at.close();
      at = next;
      const found = await at.stat();
      const isLast = index + 1 === way.length;
      if (!(isLast ? found.isFile() : found.isDirectory()))
        throw new NotRegularFile(
          `${shown}: ${found.isSymbolicLink() ? `${name} is a link` : `${name} is not a ${isLast ? "file" : "folder"}`}`,
        );
    }
    return await open(`/proc/self/fd/${at.fd}`, constants.O_RDONLY);
  } finally {
    await at.close();
  }
}
