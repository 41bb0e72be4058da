import { mkdir, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { replacedFileNames } from "../../config/paths.ts";
import { AgentError, errorCode, isSystemError, NotRegularFile } from "../../lib/errors.ts";
import { immutable, isDiskFull, movedFolderAdvice } from "../../lib/disk-errors.ts";
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

/** Makes a folder and its parents readable by all: the agent's user reads there what root has written. */
export async function makeReadableFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o755 });
  if (first !== undefined) await syncFolder(dirname(first));
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

/** What to do about a staging folder that has disappeared. */
export const goneAdvice = "Mount the disk again, or correct update.staging-dir; then request the update again.";

/**
 * Runs a disk operation on an image; turns whatever the disk refuses into AgentErrors that name it, with a remedy.
 * @param folder where images are staged
 */
export async function withDiskErrors<T>(folder: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (cause) {
    if (cause instanceof FolderUnusable) throw new AgentError("disk-error", cause.message, { cause });
    if (cause instanceof NotRegularFile)
      throw new AgentError("disk-error", `${cause.message}. Remove it, then request the update again.`, { cause });
    if (!isSystemError(cause)) throw cause;
    if (isDiskFull(cause)) {
      const message = `The board's disk became full while the image arrived (${folder}). Free some space, then request the update again.`;
      throw new AgentError("no-space", message, { cause });
    }
    throw new AgentError("disk-error", describeRefusal(folder, errorCode(cause) ?? ""), { cause });
  }
}

function describeRefusal(folder: string, code: string): string {
  const what = `The image could not be written or read in ${folder} (${code})`;
  switch (code) {
    case "EROFS":
      return `${what}: the board's disk is read-only. Mount it writable; ${movedFolderAdvice}.`;
    case "ENOENT":
    case "ESTALE":
      return `${what}: the folder was removed, or its disk was unmounted. ${goneAdvice}`;
    case "ENOTDIR":
      return `${what}: a file lies where the folder or one above it should be. Remove it, or correct update.staging-dir; then request the update again.`;
    case "EISDIR":
    case "ERR_FS_EISDIR":
      return `${what}: a folder lies where a file of an image should be. Remove it, then request the update again.`;
    case "EACCES":
      return `${what}: the agent may not write there. Correct the owner and the permissions; ${movedFolderAdvice}.`;
    case "EPERM":
      return `${what}: it is ${immutable}. Correct that, then request the update again.`;
    default:
      return `${what}. Check the board's disk: worn out or unplugged.`;
  }
}

/** Removes temporary files that a crash during a save has left in the state folder. By name: nothing else is touched. */
export async function removeTempFiles(stateFolder: string, disk: Disk = nodeDisk): Promise<void> {
  await makeFolder(stateFolder, disk);
  for (const name of replacedFileNames) await disk.remove(tempPath(join(stateFolder, name)));
}
