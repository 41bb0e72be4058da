import { constants } from "node:fs";
import { link, mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { errorMessage, errorCode, isAbsent } from "../../lib/errors.ts";
import { movedFolderAdvice } from "../../lib/disk-errors.ts";

/**
 * What the agent's own small files ask of a disk. A power cut keeps of a file what was synced, and of a folder's names those
 * that were there when it was synced; of everything later each piece may be kept, torn or lost.
 */
export interface Disk {
  /**
   * Makes a folder and those above it. Resolves with the first that was not there; undefined when all were. Rejects with
   * FolderUnusable.
   */
  makeFolder(path: string): Promise<string | undefined>;
  /** A whole file as text; rejects with ENOENT when there is none. */
  read(path: string): Promise<string>;
  /** Creates a file, or empties the one that is there, for writing. */
  create(path: string, mode: number): Promise<NewFile>;
  /** Gives a file another name, in place of whatever had that name. Atomic for those who read, not yet on disk. */
  rename(from: string, to: string): Promise<void>;
  /** Gives a file a second name, which must be free. */
  link(path: string, second: string): Promise<void>;
  /** Takes a name away; does nothing when there is none. */
  remove(path: string): Promise<void>;
  /** Makes the names in a folder survive a power cut. */
  syncFolder(path: string): Promise<void>;
}

interface NewFile {
  write(content: string | Uint8Array): Promise<void>;
  /** Makes what was written survive a power cut, under whatever name the file has on disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** A folder of the agent's cannot be made. */
export class FolderUnusable extends Error {
  constructor(folder: string, cause: unknown) {
    const why = errorMessage(cause);
    const isReadOnly = errorCode(cause) === "EROFS";
    const remedy = isReadOnly
      ? `Mount its disk writable; ${movedFolderAdvice}`
      : "Name one in which the agent may write";
    super(`The folder ${folder} cannot be made: ${why}. ${remedy}.`, { cause });
    this.name = "FolderUnusable";
  }
}

/** The disk under this process. */
export const nodeDisk: Disk = {
  async makeFolder(path) {
    try {
      return await makeFolders(path);
    } catch (cause) {
      throw new FolderUnusable(path, cause);
    }
  },
  read: (path) => readFile(path, "utf8"),
  async create(path, mode) {
    const file = await open(path, "w", mode);
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
 * Makes one folder after another. Not with `recursive`: where the kernel says ENOENT although the parent is there, as in
 * /proc, Node 20 asks again for ever.
 */
async function makeFolders(path: string): Promise<string | undefined> {
  const found = await makeOne(path);
  if (found !== "orphan") return found === "made" ? path : undefined;
  const first = await makeFolders(dirname(path));
  if ((await makeOne(path)) === "orphan") throw new Error("nothing can be made in the folder above it");
  return first ?? path;
}

/** Orphan: the folder above it is missing. */
async function makeOne(path: string): Promise<"made" | "there" | "orphan"> {
  try {
    await mkdir(path, 0o700);
    return "made";
  } catch (cause) {
    if (isAbsent(cause) && dirname(path) !== path) return "orphan";
    // A file system that is read-only says so even of a folder that is there.
    const isThere = await stat(path).then(
      (one) => one.isDirectory(),
      () => false,
    );
    if (isThere) return "there";
    throw cause;
  }
}
