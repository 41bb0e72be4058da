import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { maxMetadataBytes } from "../../contract/signed-target.ts";
import { AgentError, isAbsent } from "../../lib/errors.ts";
import type { MetadataCacheFiles } from "../../trust/cached-metadata.ts";
import type { Disk } from "../fs/disk.ts";
import { makeFolder, replaceFile } from "../fs/files.ts";
import { readWholeFile, unlinkedDisk } from "./own-files.ts";

/** Roots of many years, and a few roles: a fraction of it is used. */
const maxCacheBytes = 2 * 1_048_576;
const maxFiles = 300;

/** `3.root.json`, `17.acme,gateway.json`. */
const versioned = /^\d{1,15}\.[A-Za-z0-9][\w,.+-]{0,63}\.json$/;
const timestamp = "timestamp.json";

/**
 * The metadata that the daemon has downloaded and verified, byte for byte, by its names in the repository: newer than what root's
 * helper trusts, and passed to it with the next update. It lies in the agent's state folder and is nobody's proof of anything.
 */
export class MetadataCache implements MetadataCacheFiles {
  readonly #folder: string;
  readonly #disk: Disk;
  /** Files that the disk does not have yet: they count until it has all of them. */
  #unkept: ReadonlyMap<string, Uint8Array> | undefined;

  constructor(folder: string, disk: Disk = unlinkedDisk) {
    this.#folder = folder;
    this.#disk = disk;
  }

  async read(name: string, maxBytes: number): Promise<Uint8Array | undefined> {
    if (!isCacheName(name)) return undefined;
    if (this.#unkept !== undefined) return this.#unkept.get(name);
    try {
      return await readWholeFile(join(this.#folder, name), maxBytes);
    } catch (cause) {
      if (isAbsent(cause)) return undefined;
      throw cause;
    }
  }

  /**
   * The timestamp is written after what it vouches for, and what is not of the set goes last: a crash leaves files that can be
   * verified, of the former set or of this one. Where the disk refuses, they are read from memory until it takes a set.
   * @throws AgentError `metadata-too-large` where they are too many for a board's disk; nothing was changed there
   */
  async keep(files: ReadonlyMap<string, Uint8Array>): Promise<void> {
    const kept = [...files].filter(([name]) => isCacheName(name));
    this.#unkept = new Map(kept);
    const bytes = kept.reduce((sum, [, content]) => sum + content.length, 0);
    if (kept.length > maxFiles || bytes > maxCacheBytes)
      throw new AgentError(
        "metadata-too-large",
        `The repository's metadata has ${kept.length} files with ${bytes} bytes beyond what this board has; it keeps ${maxFiles} files with ${maxCacheBytes} bytes. Publish smaller metadata.`,
      );
    await makeFolder(this.#folder, this.#disk);
    // Timestamps sort last.
    for (const [name, content] of kept.toSorted(([a], [b]) => Number(a === timestamp) - Number(b === timestamp)))
      await this.#write(name, content);
    const old = (await readdir(this.#folder)).filter((name) => !this.#unkept?.has(name));
    for (const name of old) await this.#disk.remove(join(this.#folder, name));
    if (old.length > 0) await this.#disk.syncFolder(this.#folder);
    this.#unkept = undefined;
  }

  /** Writes nothing where the file holds the same: a flash disk wears out. */
  async #write(name: string, content: Uint8Array): Promise<void> {
    const path = join(this.#folder, name);
    const present = await readWholeFile(path, maxMetadataBytes).catch(() => undefined); // Unreadable: it is written anew.
    if (present === undefined || Buffer.compare(present, content) !== 0)
      await replaceFile(path, content, this.#disk, 0o600);
  }
}

function isCacheName(name: string): boolean {
  return name === timestamp || versioned.test(name);
}
