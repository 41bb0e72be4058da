import { statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { replacedFileNames } from "../../config/paths.ts";
import { AgentError, errorCode } from "../../lib/errors.ts";
import { movedFolderAdvice } from "../../lib/disk-errors.ts";
import { FolderUnusable, nodeDisk, type Disk } from "./disk.ts";

/** The temporary file that is renamed over `path`. */
function tempPath(path: string): string {
  return `${path}.new`;
}

/**
 * Replaces a file's content. A power cut leaves the old content or the new, never a mixture and never nothing: the new
 * content is written to a temporary file, synced, renamed over the old one, and then the folder is synced too.
 */
export async function replaceFile(
  path: string,
  content: string | Uint8Array,
  disk: Disk = nodeDisk,
  mode = 0o600,
): Promise<void> {
  const temporary = tempPath(path);
  try {
    const file = await disk.create(temporary, mode);
    try {
      await file.write(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await disk.rename(temporary, path);
  } catch (cause) {
    await disk.remove(temporary).catch(() => undefined); // The first error is the one to report.
    throw cause;
  }
  await disk.syncFolder(dirname(path));
}

/** Makes a folder and its parents so that they survive a power cut. Does nothing where it exists. */
export async function makeFolder(path: string, disk: Disk = nodeDisk): Promise<void> {
  const first = await disk.makeFolder(path);
  if (first === undefined) return;
  for (let made = path; ; made = dirname(made)) {
    await disk.syncFolder(dirname(made));
    if (made === first || made === dirname(made)) return;
  }
}

/** With less free space than this, a disk counts as full: the rest is for the agent's state. */
export const nearlyFullBytes = 2 * 1_024 * 1_024;

/** Free bytes for this process on the disk of a folder. */
export async function freeDiskBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Makes renames and removals in a folder survive a power cut. */
export async function syncFolder(path: string): Promise<void> {
  await nodeDisk.syncFolder(path);
}

/** Runs a disk operation on an image; turns disk errors into AgentErrors with a remedy. */
export async function withDiskErrors<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (cause) {
    const code = errorCode(cause) ?? "";
    if (code === "ENOSPC" || code === "EDQUOT") {
      const message =
        "The board's disk became full while the image arrived. Free some space, then request the update again.";
      throw new AgentError("no-space", message, { cause });
    }
    if (code === "EROFS") {
      const message = `The image could not be written (EROFS): the board's disk is read-only. Mount it writable; ${movedFolderAdvice}.`;
      throw new AgentError("disk-error", message, { cause });
    }
    if (["EIO", "EACCES", "EPERM", "ENODEV", "ENXIO"].includes(code)) {
      const message = `The image could not be written (${code}). Check the board's disk: worn out or unplugged.`;
      throw new AgentError("disk-error", message, { cause });
    }
    if (cause instanceof FolderUnusable) throw new AgentError("disk-error", cause.message, { cause });
    throw cause;
  }
}

/** Removes temporary files that a crash during a save has left in the state folder. By name: nothing else is touched. */
export async function removeTempFiles(stateFolder: string, disk: Disk = nodeDisk): Promise<void> {
  await makeFolder(stateFolder, disk);
  for (const name of replacedFileNames) await disk.remove(tempPath(join(stateFolder, name)));
}
