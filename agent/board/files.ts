import { dirname } from "node:path";
import { nodeDisk, type Disk } from "./disk.ts";

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
  const beside = `${path}.new`;
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

/** Makes renames and removals in a folder survive a power cut. */
export async function syncFolder(path: string): Promise<void> {
  await nodeDisk.syncFolder(path);
}

/** True when a file system call failed because the thing is not there. */
export function isAbsent(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "ENOENT";
}
