import { constants } from "node:fs";
import { link, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { errorMessage, errorCode, isAbsent } from "../../lib/errors.ts";
import { openRegularFile, readRegularFile } from "../../lib/regular-file.ts";
import { immutable, movedFolderAdvice } from "../../lib/disk-errors.ts";

/**
 * The disk operations of the agent's own small files. A power cut keeps what a file's sync and a folder's sync had written;
 * anything later may be kept, torn or lost.
 */
export interface Disk {
  /** Makes a folder and its parents. Resolves with the topmost one that it made; undefined for none. Rejects with FolderUnusable. */
  makeFolder(path: string): Promise<string | undefined>;
  /** A whole file as text; rejects with ENOENT when there is none. */
  read(path: string): Promise<string>;
  /** Creates or truncates a file for writing. */
  create(path: string, mode: number): Promise<NewFile>;
  /** Renames a file over another. Atomic for readers; it survives a power cut only after syncFolder. */
  rename(from: string, to: string): Promise<void>;
  /** Hard link: a second name for a file. The name must be free. */
  link(path: string, second: string): Promise<void>;
  /** Removes a file; does nothing when there is none. */
  remove(path: string): Promise<void>;
  /** Makes the names in a folder survive a power cut. */
  syncFolder(path: string): Promise<void>;
}

interface NewFile {
  write(content: string | Uint8Array): Promise<void>;
  /** Makes the content survive a power cut. The name needs syncFolder. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** A folder of the agent cannot be made. */
export class FolderUnusable extends Error {
  constructor(folder: string, cause: unknown) {
    const why = errorMessage(cause);
    const remedies: Record<string, string> = {
      EROFS: `Mount its disk writable; ${movedFolderAdvice}`,
      EPERM: `The folder above it is ${immutable}: correct that`,
      EEXIST: "A file lies in its place: remove it, or name another folder",
      ENOTDIR: "A file lies where a folder above it should be: remove it, or name another folder",
    };
    const remedy = remedies[errorCode(cause) ?? ""] ?? "Name one in which the agent may write";
    super(`The folder ${folder} cannot be made: ${why}. ${remedy}.`, { cause });
    this.name = "FolderUnusable";
  }
}

/** The real disk. */
export const nodeDisk: Disk = {
  async makeFolder(path) {
    try {
      return await makeFolders(path);
    } catch (cause) {
      throw new FolderUnusable(path, cause);
    }
  },
  read: (path) => readRegularFile(path),
  async create(path, mode) {
    const file = await openRegularFile(path, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, mode);
    return { write: (content) => file.writeFile(content), sync: () => file.sync(), close: () => file.close() };
  },
  rename,
  link,
  remove: (path) => rm(path, { force: true }),
  async syncFolder(path) {
    const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
};

/**
 * Makes one folder after another. Not with `recursive`: where the kernel returns ENOENT although the parent exists, as in
 * /proc, Node 20 loops for ever.
 */
async function makeFolders(path: string): Promise<string | undefined> {
  const found = await makeOne(path);
  if (found !== "parent-missing") return found === "made" ? path : undefined;
  const first = await makeFolders(dirname(path));
  if ((await makeOne(path)) === "parent-missing") throw new Error("nothing can be made in its parent folder");
  return first ?? path;
}

async function makeOne(path: string): Promise<"made" | "exists" | "parent-missing"> {
  try {
    await mkdir(path, 0o700);
    return "made";
  } catch (cause) {
    if (isAbsent(cause) && dirname(path) !== path) return "parent-missing";
    // A read-only file system returns EROFS even for a folder that exists.
    const exists = await stat(path).then(
      (one) => one.isDirectory(),
      () => false,
    );
    if (exists) return "exists";
    throw cause;
  }
}
