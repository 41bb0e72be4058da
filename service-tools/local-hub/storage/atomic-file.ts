import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** For the owner only: every file of the hub holds a key or may come to hold one. */
export const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;

const TEMPORARY = ".writing";

/**
 * Replaces the file as a whole, or leaves it as it was: writes a temporary file beside it, then fsync, rename, and fsync of
 * the folder (without it a power cut may undo the rename).
 */
export async function writeAtomically(path: string, text: string): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}${TEMPORARY}`);
  try {
    await withFile(temporary, "wx", async (file) => {
      await file.writeFile(text);
      await file.sync();
    });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Removes the file, if it exists, and syncs its folder. */
export async function removeDurably(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncFolder(dirname(path));
}

/**
 * Creates a folder and its parents if they do not exist. Not with `recursive`: where mkdir fails with ENOENT although the
 * parent exists, as in /proc, Node 20 tries again for ever.
 */
export async function makePrivateFolder(path: string): Promise<void> {
  try {
    await makeFolders(path);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(
      `Cannot create the folder ${path}: ${why}. Name a folder that you may write to, with BOARDKEEPER_HOME or --folder.`,
      { cause: error },
    );
  }
}

async function makeFolders(path: string): Promise<void> {
  if (await makeFolder(path)) return;
  await makeFolders(dirname(path));
  if (!(await makeFolder(path))) throw new Error("nothing can be created in its parent folder");
}

/** False when its parent folder is missing. */
async function makeFolder(path: string): Promise<boolean> {
  try {
    await mkdir(path, PRIVATE_FOLDER);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" && dirname(path) !== path) return false;
    // A read-only file system reports EROFS even for a folder that exists.
    if (!(await isFolder(path))) throw error;
  }
  return true;
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Removes the temporary files of a process that was killed. Only for folders that no other process writes to. */
export async function removeTemporaryFiles(folder: string): Promise<void> {
  const names = await readdir(folder);
  await Promise.all(
    names
      .filter((name) => name.startsWith(".") && name.endsWith(TEMPORARY))
      .map((name) => rm(join(folder, name), { force: true })),
  );
}

export async function syncFolder(folder: string): Promise<void> {
  await withFile(folder, "r", (handle) => handle.sync());
}

async function withFile(path: string, flags: string, work: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(path, flags, PRIVATE_FILE);
  try {
    await work(file);
  } finally {
    await file.close();
  }
}
