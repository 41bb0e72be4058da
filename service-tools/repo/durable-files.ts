import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { acquireLock, type Lock } from "../local-hub/storage/folder-lock.ts";
import { syncFolder } from "../local-hub/storage/atomic-file.ts";

/*
 * How a repository's files change. New metadata is written whole into a folder beside the old; the rename of that folder decides.
 * From there each file is moved to its place, and whoever comes next finishes what was interrupted. The timestamp is the last
 * one: a reader sees the old state or the new one.
 */

/** Everybody may read what is published. */
const publicFile = 0o644;
const publicFolder = 0o755;

const lockFile = ".lock";
const pendingFolder = ".pending";
const draftPrefix = ".draft-";

export interface NewFile {
  /** Below `metadata/`: "3.snapshot.json". */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Another process publishes here. */
class RepositoryBusy extends Error {}

/** Calls `act` while nobody else on this machine publishes here, after an interrupted change was finished. @throws RepositoryBusy */
export async function withRepositoryLock<T>(folder: string, act: () => Promise<T>): Promise<T> {
  const lock = await lockRepository(folder);
  try {
    await finishInterrupted(folder);
    await removeDrafts(folder);
    return await act();
  } finally {
    await lock.release();
  }
}

async function lockRepository(folder: string): Promise<Lock> {
  const lock = await acquireLock(join(folder, lockFile));
  if (!("heldBy" in lock)) return lock;
  throw new RepositoryBusy(
    `Another command (process ${lock.heldBy}) is changing the repository ${folder}. Wait until it has ended; then try again.`,
  );
}

/**
 * Puts new metadata files in place, in this order: the last one makes the others count.
 * @param stillCurrent is asked last: false where somebody else has published meanwhile, over a shared folder
 * @throws RepositoryBusy when it is not; nothing has changed then
 */
export async function replaceMetadata(
  folder: string,
  files: readonly NewFile[],
  stillCurrent: () => Promise<boolean>,
): Promise<void> {
  const draft = draftPath(folder);
  await mkdir(draft, { mode: publicFolder });
  const order = files.map(({ name }) => name);
  for (const { name, bytes } of files) await writeDurably(join(draft, name), bytes);
  await writeDurably(join(draft, "order"), Buffer.from(JSON.stringify(order)));
  await syncFolder(draft);
  if (!(await stillCurrent())) {
    await rm(draft, { recursive: true });
    throw new RepositoryBusy(`Somebody else has published in ${folder} meanwhile. Nothing was changed; try again.`);
  }
  await rename(draft, join(folder, pendingFolder));
  await syncFolder(folder);
  await finishInterrupted(folder);
}

/** Moves the files of a change that was decided to their places. May be interrupted and repeated. */
async function finishInterrupted(folder: string): Promise<void> {
  const pending = join(folder, pendingFolder);
  const order = await readFile(join(pending, "order"), "utf8").catch((cause: unknown) => {
    if (isAbsent(cause)) return undefined;
    throw cause;
  });
  const metadata = join(folder, "metadata");
  if (order !== undefined) {
    await makeFolder(metadata);
    for (const name of parseOrder(order)) {
      // An earlier attempt has moved it.
      await rename(join(pending, name), join(metadata, name)).catch(rethrowUnlessAbsent);
      // Each is on the disk before the next: after a power cut, no timestamp may name files that are not there.
      await syncFolder(metadata);
    }
    await rm(join(pending, "order"));
  }
  await rmdir(pending).catch(rethrowUnlessAbsent);
}

/** A name for what is not complete yet; the next command removes what was left. */
export function draftPath(folder: string): string {
  return join(folder, `${draftPrefix}${randomBytes(6).toString("hex")}`);
}

/** Those of a process that was killed before it had decided anything. */
async function removeDrafts(folder: string): Promise<void> {
  const drafts = (await readdir(folder)).filter((name) => name.startsWith(draftPrefix));
  for (const name of drafts) await rm(join(folder, name), { recursive: true, force: true });
}

/** Creates a folder that everybody may read, and its parents. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: publicFolder });
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "wx", publicFile);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Replaces a file as a whole, or leaves it as it was. @param mode 0o600 for a secret */
export async function writeFileAtomically(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.new`;
  const file = await open(temporary, "wx", mode);
  try {
    await file.writeFile(bytes);
    await file.sync();
    await file.close();
    await rename(temporary, path);
  } catch (cause) {
    await file.close();
    await rm(temporary, { force: true });
    throw cause;
  }
  await syncFolder(dirname(path));
}

/** The folder may be anybody's, on a stick: no name leads out of it. */
function parseOrder(text: string): string[] {
  const names: unknown = JSON.parse(text);
  if (
    Array.isArray(names) &&
    names.every((name) => typeof name === "string" && /^[A-Za-z0-9][\w,.+-]*\.json$/.test(name))
  ) {
    return names;
  }
  throw new Error(
    `${pendingFolder}/order is damaged: remove the folder ${pendingFolder}; what it holds was never published`,
  );
}

/** True for the error of a file or folder that does not exist. */
export function isAbsent(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "ENOENT";
}

function rethrowUnlessAbsent(cause: unknown): void {
  if (!isAbsent(cause)) throw cause;
}
