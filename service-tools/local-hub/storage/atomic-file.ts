import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Only the owner: every file of the hub holds a key or may come to hold one. */
export const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;

const TEMPORARY = ".writing";

/**
 * Puts the whole text in place of the file, or leaves it as it was: a temporary file beside it, fsync, rename, fsync of the
 * folder (without which the rename itself may be lost with the power).
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

/** Removes the file for good; that there is none is well. */
export async function removeDurably(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncFolder(dirname(path));
}

/**
 * Makes a folder, and those above it, unless they are there. Not with `recursive`: where the kernel says ENOENT although
 * the parent is there, as in /proc, Node 20 asks again for ever.
 */
export async function makePrivateFolder(path: string): Promise<void> {
  try {
    await makeFolders(path);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(
      `The folder ${path} cannot be made: ${why}. Name one in which you may write, with BOARDKEEPER_HOME or --folder.`,
      { cause: error },
    );
  }
}

async function makeFolders(path: string): Promise<void> {
  if (await makeFolder(path)) return;
  await makeFolders(dirname(path));
  if (!(await makeFolder(path))) throw new Error("nothing can be made in the folder above it");
}

/** False where the folder above it is missing. */
async function makeFolder(path: string): Promise<boolean> {
  try {
    await mkdir(path, PRIVATE_FOLDER);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" && dirname(path) !== path) return false;
    // A file system that is read-only says so even of a folder that is there.
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

/** Clears away what a killed process was writing. Only for folders that nobody else writes now. */
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
