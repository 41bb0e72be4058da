import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { maxMetadataBytes } from "../../contract/signed-target.ts";
import { AgentError, isAbsent } from "../../lib/errors.ts";
import type { MetadataSource } from "../../trust/ports.ts";
import type { Disk } from "../fs/disk.ts";
import { makeFolder, replaceFile } from "../fs/files.ts";
import { readWholeFile, unlinkedDisk } from "./own-files.ts";

/** Roots of many years, and a few roles: a fraction of it is used. */
const maxCacheBytes = 2 * 1_048_576;
const maxFiles = 300;

/** `3.root.json`, `17.acme,gateway.json`. */
const versioned = /^(\d{1,15})\.([A-Za-z0-9][\w,.+-]{0,63})\.json$/;
const timestamp = "timestamp.json";

/**
 * The metadata that the daemon has downloaded and verified, byte for byte, by its names in the repository: newer than what root's
 * helper trusts, and passed to it with the next update. It lies in the agent's state folder and is nobody's proof of anything.
 */
export class MetadataCache implements MetadataSource {
  readonly #folder: string;
  readonly #disk: Disk;

  constructor(folder: string, disk: Disk = unlinkedDisk) {
    this.#folder = folder;
    this.#disk = disk;
  }

  async read(name: string, maxBytes: number): Promise<Uint8Array | undefined> {
    if (!isCacheName(name)) return undefined;
    try {
      return await readWholeFile(join(this.#folder, name), maxBytes);
    } catch (cause) {
      if (isAbsent(cause)) return undefined;
      throw cause;
    }
  }

  /** All files by their names: what root's helper is sent. */
  async readAll(): Promise<ReadonlyMap<string, Uint8Array>> {
    const files = new Map<string, Uint8Array>();
    for (const name of await this.#names()) {
      const found = await this.read(name, maxMetadataBytes);
      if (found !== undefined) files.set(name, found);
    }
    return files;
  }

  /**
   * Adds files that were verified, and drops those that newer ones have replaced, with all roots up to the trusted one. The
   * timestamp comes after what it vouches for, and the former files go last: a crash leaves the former set or the new one.
   * @param rootVersion of the root that root's helper trusts: it needs the later ones only
   * @throws AgentError `metadata-too-large` where they are too many for a board's disk; nothing was changed
   */
  async keep(files: ReadonlyMap<string, Uint8Array>, rootVersion: number): Promise<void> {
    await makeFolder(this.#folder, this.#disk);
    const present = await this.#names();
    const kept = new Set(latestOf([...present, ...files.keys()].filter(isCacheName), rootVersion));
    const added = [...files].filter(([name]) => kept.has(name));
    const bytes = added.reduce((sum, [, content]) => sum + content.length, 0);
    if (kept.size > maxFiles || bytes > maxCacheBytes)
      throw new AgentError(
        "metadata-too-large",
        `The repository's metadata has ${kept.size} files with ${bytes} bytes beyond what this board has; it keeps ${maxFiles} files with ${maxCacheBytes} bytes. Publish smaller metadata.`,
      );
    // Timestamps sort last.
    for (const [name, content] of added.toSorted(([a], [b]) => Number(a === timestamp) - Number(b === timestamp)))
      await this.#write(name, content);
    const old = present.filter((name) => !kept.has(name));
    for (const name of old) await this.#disk.remove(join(this.#folder, name));
    if (old.length > 0) await this.#disk.syncFolder(this.#folder);
  }

  /** Writes nothing where the file holds the same: a flash disk wears out. */
  async #write(name: string, content: Uint8Array): Promise<void> {
    const path = join(this.#folder, name);
    const present = await readWholeFile(path, maxMetadataBytes).catch(() => undefined); // Unreadable: it is written anew.
    if (present === undefined || Buffer.compare(present, content) !== 0)
      await replaceFile(path, content, this.#disk, 0o600);
  }

  /** The names in the folder, with what a crash has left there. */
  async #names(): Promise<string[]> {
    try {
      return await readdir(this.#folder);
    } catch (cause) {
      if (isAbsent(cause)) return [];
      throw cause;
    }
  }
}

function isCacheName(name: string): boolean {
  return name === timestamp || versioned.test(name);
}

/** Of each role the latest version; of roots all that follow the trusted one. */
function latestOf(names: readonly string[], rootVersion: number): string[] {
  const latest = new Map<string, number>();
  const parsed = names.flatMap((name) => {
    const [, version, role] = versioned.exec(name) ?? [];
    return version === undefined || role === undefined ? [] : [{ name, version: Number(version), role }];
  });
  for (const { role, version } of parsed) latest.set(role, Math.max(version, latest.get(role) ?? 0));
  return [
    ...names.filter((name) => name === timestamp),
    ...parsed
      .filter(({ role, version }) => (role === "root" ? version > rootVersion : version === latest.get(role)))
      .map(({ name }) => name),
  ];
}
