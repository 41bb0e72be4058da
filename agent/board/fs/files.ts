import { statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { replacedFileNames } from "../../config/paths.ts";
import { AgentError, errorCode } from "../../lib/errors.ts";
import { movedFolderAdvice } from "../../lib/disk-errors.ts";
import { FolderUnusable, nodeDisk, type Disk } from "./disk.ts";

/** Where the next content of a file is written before it takes the file's place. */
export function tempPath(path: string): string {
  return `${path}.new`;
}

/**
 * Replaces a file's content so that a power cut leaves the old content or the new, never a mixture and never nothing:
 * written beside it, synced, renamed over it, and the folder synced too (a rename that is not on disk did not happen).
 */
export async function replaceFile(
  path: string,
  content: string | Uint8Array,
  disk: Disk = nodeDisk,
  mode = 0o600,
): Promise<void> {
  const beside = tempPath(path);
  try {
    const file = await disk.create(beside, mode);
    try {
      await file.write(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await disk.rename(beside, path);
  } catch (cause) {
    await disk.remove(beside).catch(() => undefined); // The first error is the one to tell.
    throw cause;
  }
  await disk.syncFolder(dirname(path));
}

/** Makes a folder that survives a power cut, with those above it. Does nothing where it is. */
export async function makeFolder(path: string, disk: Disk = nodeDisk): Promise<void> {
  const first = await disk.makeFolder(path);
  if (first === undefined) return;
  for (let made = path; ; made = dirname(made)) {
    await disk.syncFolder(dirname(made));
    if (made === first || made === dirname(made)) return;
  }
}

/** A disk with less is as good as full: what is left of it is for the state, and taking it makes the next writer fail. */
export const nearlyFullBytes = 2 * 1_024 * 1_024;

/** Bytes that this process may still take of the disk under a folder. */
export async function freeDiskBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Makes renames and removals in a folder survive a power cut. */
export async function syncFolder(path: string): Promise<void> {
  await nodeDisk.syncFolder(path);
}

/** Does something with images on the disk, and says what it means for the owner when the disk refuses. */
export async function withDiskErrors<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    const code = errorCode(cause) ?? "";
    if (code === "ENOSPC" || code === "EDQUOT") {
      const message = "The board's disk became full while the image arrived. Free some space, then ask again.";
      throw new AgentError("no-space", message, { cause });
    }
    if (code === "EROFS") {
      const message = `The board's disk would not take the image (EROFS): it is read-only. Mount it writable; ${movedFolderAdvice}.`;
      throw new AgentError("disk-error", message, { cause });
    }
    if (["EIO", "EACCES", "EPERM", "ENODEV", "ENXIO"].includes(code)) {
      const message = `The board's disk would not take the image (${code}). Look at the disk: worn out or unplugged.`;
      throw new AgentError("disk-error", message, { cause });
    }
    if (cause instanceof FolderUnusable) throw new AgentError("disk-error", cause.message, { cause });
    throw cause;
  }
}

/** Removes what crashes in the middle of a save have left in the state folder. By name: nothing else in it is touched. */
export async function removeTempFiles(stateFolder: string, disk: Disk = nodeDisk): Promise<void> {
  await makeFolder(stateFolder, disk);
  for (const name of replacedFileNames) await disk.remove(tempPath(join(stateFolder, name)));
}
