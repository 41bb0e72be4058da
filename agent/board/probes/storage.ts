import { mkdir, open, rm, rmdir, stat, statfs } from "node:fs/promises";
import { dirname, join, delimiter, isAbsolute } from "node:path";
import { isAbsent, errorCode } from "../../lib/errors.ts";
import type { DiskFacts, FolderFacts } from "./facts.ts";

/** The disk of a path, or of its nearest existing parent. */
export async function probeDisk(path: string): Promise<DiskFacts & { readonly dev: number }> {
  const there = await nearestExisting(path);
  const { bavail, bsize, files, ffree } = await statfs(there);
  const { dev } = await stat(there);
  return { path: there, freeBytes: bavail * bsize, freeFiles: files === 0 ? null : ffree, dev };
}

/** Tests whether a file can be written in a folder, by writing one. A missing folder is made and removed again. */
export async function probeFolder(path: string, user: string): Promise<FolderFacts> {
  const isThere = await stat(path).then(
    () => true,
    (cause: unknown) => !isAbsent(cause),
  );
  try {
    if (isThere) await writeTestFile(path);
    else await makeAndRemoveFolder(path);
    return { path, user, exists: isThere, code: null };
  } catch (cause) {
    const code = errorCode(cause) ?? String(cause);
    return { path, user, exists: isThere, code };
  }
}

async function writeTestFile(folder: string): Promise<void> {
  const path = join(folder, `.doctor-${process.pid}`);
  try {
    const file = await open(path, "wx", 0o600);
    try {
      await file.writeFile(Buffer.alloc(4_096)); // One block: less may fit even on a full disk.
      await file.sync();
    } finally {
      await file.close();
    }
  } finally {
    await rm(path, { force: true });
  }
}

async function makeAndRemoveFolder(path: string): Promise<void> {
  const above = await nearestExisting(path);
  const first =
    path
      .slice(above.length)
      .split("/")
      .find((name) => name !== "") ?? "";
  const made = join(above, first);
  await mkdir(made, 0o700);
  await rmdir(made);
}

async function nearestExisting(path: string): Promise<string> {
  try {
    await stat(path);
    return path;
  } catch (cause) {
    if (!isAbsent(cause) || dirname(path) === path) throw cause;
    return await nearestExisting(dirname(path));
  }
}

/**
 * Whether this process may run a program: null, or Node's error code. By the effective user: access(2) checks the real one.
 */
export async function probeProgram(program: string, searchPath: string): Promise<string | null> {
  const candidates = isAbsolute(program)
    ? [program]
    : searchPath.split(delimiter).map((folder) => join(folder, program));
  let code = "ENOENT";
  for (const path of candidates) {
    const result = await probeExecutable(path);
    if (result === null) return null;
    if (result !== "ENOENT") code = result;
  }
  return code;
}

async function probeExecutable(path: string): Promise<string | null> {
  try {
    const { mode, uid, gid } = await stat(path);
    const self = process.geteuid?.() ?? 0;
    const groups = [process.getegid?.() ?? 0, ...(process.getgroups?.() ?? [])];
    const bit = self === 0 ? 0o111 : self === uid ? 0o100 : groups.includes(gid) ? 0o010 : 0o001;
    return (mode & bit) === 0 ? "EACCES" : null;
  } catch (cause) {
    return errorCode(cause) ?? String(cause);
  }
}
