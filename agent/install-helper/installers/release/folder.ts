import { chmod, lstat, mkdir, readdir, readlink, rename, rm, symlink, unlink } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile, syncFolder } from "../../../board/fs/files.ts";
import { check } from "../../../contract/check.ts";
import { firmwareVersion } from "../../../contract/methods.ts";
import { isAbsent } from "../../../lib/errors.ts";
import { readRegularFile } from "../../../lib/regular-file.ts";
import { formatTrial, parseTrial, type Trial } from "./trial.ts";

/** A release, its mark, a folder that is being written and one that is being removed: all in one folder, so that a rename is enough. */
const unpackedName = ".unpacked.new";
const removedName = ".removed";
const maxProven = 100;

/**
 * The folder of releases on the disk, root's alone:
 *
 *     releases/VERSION/            a release, read-only
 *     releases/.VERSION.sha256     the digest of the image it came from; written when the release is whole
 *     current -> releases/VERSION  the one that runs
 *     back -> releases/VERSION     while an update is not proven: the one to go back to, so that a rename is enough on a full disk
 *     trial                        an update that is not proven: systemd/libexec/release-boot reads and writes it too
 *     fell-back                    the trial that release-boot gave up
 *     proven                       versions that were proven, the latest last
 *
 * Each method can be interrupted at any point, also by a power cut, and called again. Rejects with errors of the system.
 */
export class ReleaseFolder {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  /** Where the next release is unpacked. */
  get unpackedPath(): string {
    return join(this.#releases, unpackedName);
  }

  get #releases(): string {
    return join(this.root, "releases");
  }

  /** Makes the folder of releases, and removes what an interrupted call has left. */
  async prepare(): Promise<void> {
    const made = await mkdir(this.#releases, { recursive: true, mode: 0o755 });
    if (made !== undefined) await syncFolder(this.root);
    await removeTree(this.unpackedPath);
    await removeTree(join(this.#releases, removedName));
  }

  /** The digest of the image of a whole release; undefined where there is none of that version. */
  async digestOf(version: string): Promise<string | undefined> {
    const text = await readIfThere(this.#markOf(version));
    if (text === undefined || !(await isFolder(join(this.#releases, version)))) return undefined;
    return text.trim();
  }

  /** Makes what was unpacked and synced the release of a version. One that is there is replaced. */
  async addUnpacked(version: string, sha256: string): Promise<void> {
    await this.remove(version);
    await rename(this.unpackedPath, join(this.#releases, version));
    await syncFolder(this.#releases);
    await replaceFile(this.#markOf(version), `${sha256}\n`, undefined, 0o644);
  }

  /** Its mark goes first: what is left of an interrupted removal counts as no release. */
  async remove(version: string): Promise<void> {
    await rm(this.#markOf(version), { force: true });
    await syncFolder(this.#releases);
    try {
      await rename(join(this.#releases, version), join(this.#releases, removedName));
    } catch (cause) {
      if (!isAbsent(cause)) throw cause;
      return;
    }
    await removeTree(join(this.#releases, removedName));
  }

  /** All versions that are there, whole or not. */
  async versions(): Promise<string[]> {
    const names = await readdir(this.#releases);
    return names.filter((name) => check(firmwareVersion, name).ok);
  }

  /** The version that `current` leads to; null where there is none. */
  async current(): Promise<string | null> {
    const target = (await readLinkIfThere(join(this.root, "current"))) ?? "";
    const [, version] = /^releases\/([^/]+)$/.exec(target) ?? [];
    return version !== undefined && (await isFolder(join(this.#releases, version))) ? version : null;
  }

  /** Makes ready to go back to a version; null: to none. */
  async prepareBack(version: string | null): Promise<void> {
    if (version === null) await this.#remove("back");
    else await this.#link("back", version);
  }

  /** Switches `current` as `switchTo` does; on a full disk too, where it was made ready. */
  async switchBack(version: string | null): Promise<void> {
    const [back, current] = [join(this.root, "back"), join(this.root, "current")];
    if (version !== null && (await readLinkIfThere(current)) === `releases/${version}`) return; // By an interrupted call.
    if (version === null || (await readLinkIfThere(back)) !== `releases/${version}`)
      return await this.switchTo(version);
    await rename(back, current);
    await syncFolder(this.root);
  }

  /** Switches `current`: after a power cut it leads to the former release or to this one. Null: to none. */
  async switchTo(version: string | null): Promise<void> {
    if (version === null) await this.#remove("current");
    else await this.#link("current", version);
  }

  async readTrial(): Promise<Trial | undefined> {
    return parseTrial(await readIfThere(join(this.root, "trial")));
  }

  async writeTrial(trial: Trial): Promise<void> {
    await replaceFile(join(this.root, "trial"), formatTrial(trial), undefined, 0o644);
  }

  /** Also what was made ready to go back. */
  async removeTrial(): Promise<void> {
    await this.#remove("trial");
    await this.#remove("back");
  }

  /** The operation of the trial that the board gave up while it started; undefined where there is none. */
  async readFallenBack(): Promise<Trial | undefined> {
    return parseTrial(await readIfThere(join(this.root, "fell-back")));
  }

  async removeFallenBack(): Promise<void> {
    await this.#remove("fell-back");
  }

  async readProven(): Promise<string[]> {
    const text = (await readIfThere(join(this.root, "proven"))) ?? "";
    return text.split("\n").filter((line) => check(firmwareVersion, line).ok);
  }

  /** Adds versions as the latest that were proven. */
  async addProven(...versions: readonly string[]): Promise<void> {
    const former = await this.readProven();
    const all = [...former.filter((version) => !versions.includes(version)), ...versions].slice(-maxProven);
    if (all.join() === former.join()) return;
    await replaceFile(join(this.root, "proven"), all.map((version) => `${version}\n`).join(""), undefined, 0o644);
  }

  async #link(name: string, version: string): Promise<void> {
    const link = join(this.root, name);
    const next = `${link}.new`;
    await rm(next, { force: true });
    await symlink(`releases/${version}`, next);
    await rename(next, link);
    await syncFolder(this.root);
  }

  async #remove(name: string): Promise<void> {
    try {
      await unlink(join(this.root, name));
    } catch (cause) {
      if (!isAbsent(cause)) throw cause;
    }
    await syncFolder(this.root);
  }

  #markOf(version: string): string {
    return join(this.#releases, `.${version}.sha256`);
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readRegularFile(path, 64 * 1_024);
  } catch (cause) {
    if (isAbsent(cause)) return undefined;
    throw cause;
  }
}

async function readLinkIfThere(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch (cause) {
    if (isAbsent(cause)) return undefined;
    throw cause;
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory();
  } catch (cause) {
    if (isAbsent(cause)) return false;
    throw cause;
  }
}

/** Removes a folder whose folders are read-only: root without its capabilities may not write there either. */
async function removeTree(path: string): Promise<void> {
  await openFolders(path);
  await rm(path, { recursive: true, force: true });
}

async function openFolders(path: string): Promise<void> {
  if (!(await isFolder(path))) return;
  await chmod(path, 0o700);
  for (const entry of await readdir(path, { withFileTypes: true }))
    if (entry.isDirectory()) await openFolders(join(path, entry.name));
}
