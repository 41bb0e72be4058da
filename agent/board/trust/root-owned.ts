import type { Stats } from "node:fs";
import { lstat } from "node:fs/promises";
import { dirname } from "node:path";
import { describeFileError } from "../../lib/file-errors.ts";
import { NotRegularFile } from "../../lib/errors.ts";
import { readWholeFile } from "./own-files.ts";

/* Files that root obeys: only root may be able to change them. The same rules as those of systemd/libexec/install-helper. */

/** A file may not say what root does, because others than root could change it. The message says how, and what to do. */
export class NotRootOwned extends Error {
  constructor(message: string) {
    super(message);
    this.name = "NotRootOwned";
  }
}

/** The owners that are trusted: root. Tests add their own user. */
const root: readonly number[] = [0];

/**
 * How a user other than root could change what an absolute path leads to, without a full stop; undefined where none could. Every
 * folder above it is examined too. Links are refused: their targets have paths of their own.
 */
export async function weakness(path: string, owners: readonly number[] = root): Promise<string | undefined> {
  for (let part = path; ; part = dirname(part)) {
    let found: Stats;
    try {
      found = await lstat(part);
    } catch (cause) {
      return `${part} cannot be examined: ${describeFileError(cause, "it")}`;
    }
    if (found.isSymbolicLink()) return `${part} is a link`;
    if (!owners.includes(found.uid)) return `${part} does not belong to root`;
    // Like /tmp: only the owner of a file can replace it.
    const isShared = found.isDirectory() && (found.mode & 0o1000) !== 0;
    if ((found.mode & 0o022) !== 0 && !isShared) return `others than root may write to ${part}`;
    if (part === dirname(part)) return undefined;
  }
}

/**
 * A whole file that nobody but root could have written.
 * @throws NotRootOwned; NotRegularFile for anything but a file and for one with more than `maxBytes`; a system error such as ENOENT
 */
export async function readRootOwned(
  path: string,
  maxBytes: number,
  owners: readonly number[] = root,
): Promise<Uint8Array> {
  const found = await lstat(path); // ENOENT is the caller's to understand: it is no weakness.
  if (!found.isFile() && !found.isSymbolicLink()) throw new NotRegularFile(`${path} is not a file`);
  const weak = await weakness(path, owners);
  if (weak !== undefined)
    throw new NotRootOwned(
      `${weak}, so ${path} may not be written by this board's owner, and it is not obeyed. Correct that, as root`,
    );
  return await readWholeFile(path, maxBytes);
}
