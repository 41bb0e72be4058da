import { constants } from "node:fs";
import { link, mkdir, open, readFile, rename, rm } from "node:fs/promises";

/**
 * What the agent's own small files ask of a disk. A power cut keeps of a file what was synced, and of a folder's names those
 * that were there when it was synced; of everything later each piece may be kept, torn or lost.
 */
export interface Disk {
  /** Makes a folder and those above it. Resolves with the first that was not there; undefined when all were. */
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

/** The disk under this process. */
export const nodeDisk: Disk = {
  makeFolder: (path) => mkdir(path, { recursive: true, mode: 0o700 }),
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
