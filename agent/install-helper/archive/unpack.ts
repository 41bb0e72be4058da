import { constants } from "node:fs";
import { chmod, link, mkdir, open, symlink, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { ArchiveRules, type ReleaseEntry } from "../../contract/archive-rules.ts";
import { TarReader } from "../../contract/tar-reader.ts";
import { readContent, type ContentLimits, type Decompress } from "./content.ts";

/** An archive in a file that nobody else can write to. */
export interface Archive {
  readonly path: string;
  readonly limits: ContentLimits;
  readonly decompress: Decompress;
}

/** What unpacking an archive takes. */
export interface ArchiveSize {
  readonly entries: number;
  /** Of all files, each in whole blocks, with a block for each entry. */
  readonly diskBytes: number;
}

const fileSystemBlockBytes = 4_096;

/**
 * Reads an archive from its first byte to its last without writing one: every entry is allowed, and size and digest of the content
 * are those that were signed.
 * @throws ArchiveRefused
 */
export async function checkArchive(archive: Archive, signal: AbortSignal): Promise<ArchiveSize> {
  let entries = 0;
  let blocks = 0;
  await readArchive(archive, signal, {
    entry: async ({ sizeBytes }) => {
      entries += 1;
      blocks += 1 + Math.ceil(sizeBytes / fileSystemBlockBytes);
    },
    content: async () => undefined,
    end: async () => undefined,
  });
  return { entries, diskBytes: blocks * fileSystemBlockBytes };
}

/**
 * Unpacks an archive that was checked into a new folder. Files become 0444 or 0555 and belong to whoever runs this; times, owners and
 * other permissions of the archive do not count. Folders stay writable: `sealFolders` closes them.
 * @param folder must not be there
 * @returns every folder, the topmost first
 * @throws ArchiveRefused where the bytes are no longer those that were checked
 */
export async function unpackArchive(archive: Archive, folder: string, signal: AbortSignal): Promise<string[]> {
  await mkdir(folder, { mode: 0o755 });
  const writer = new ReleaseWriter(folder);
  try {
    await readArchive(archive, signal, writer);
  } finally {
    await writer.close();
  }
  return writer.folders;
}

/** Makes folders 0555, the deepest first. */
export async function sealFolders(folders: readonly string[]): Promise<void> {
  for (const folder of folders.toReversed()) await chmod(folder, 0o555);
}

interface EntrySink {
  entry(entry: ReleaseEntry): Promise<void>;
  content(bytes: Uint8Array): Promise<void>;
  /** After the last entry. */
  end(): Promise<void>;
}

async function readArchive({ path, limits, decompress }: Archive, signal: AbortSignal, sink: EntrySink): Promise<void> {
  const rules = new ArchiveRules();
  const reader = new TarReader();
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    for await (const bytes of readContent(file, limits, decompress, signal)) {
      for (const event of reader.push(bytes)) {
        if (event.type === "content") await sink.content(event.bytes);
        else await sink.entry(rules.check(event.entry));
      }
    }
    reader.end();
    await sink.end();
  } finally {
    await file.close();
  }
}

/** Writes the entries of one archive below a folder. The rules have excluded that a path leads through a link. */
class ReleaseWriter implements EntrySink {
  readonly folders: string[];
  readonly #made: Set<string>;
  readonly #root: string;
  #file: FileHandle | undefined;
  #isExecutable = false;

  constructor(root: string) {
    this.#root = root;
    this.folders = [root];
    this.#made = new Set([root]);
  }

  async entry({ kind, path, isExecutable, target }: ReleaseEntry): Promise<void> {
    await this.end();
    const place = join(this.#root, path);
    await this.#makeFolders(kind === "folder" ? path : path.slice(0, Math.max(0, path.lastIndexOf("/"))));
    switch (kind) {
      case "folder":
        return;
      case "symlink":
        return await symlink(target, place);
      case "hardlink":
        return await link(join(this.#root, target), place);
      case "file":
        this.#file = await open(
          place,
          constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
          0o600,
        );
        this.#isExecutable = isExecutable;
    }
  }

  async content(bytes: Uint8Array): Promise<void> {
    // To its end: a single write may take less than it was given.
    await this.#file?.writeFile(bytes);
  }

  /** Ends the file that is being written. */
  async end(): Promise<void> {
    await this.#file?.chmod(this.#isExecutable ? 0o555 : 0o444);
    await this.close();
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #makeFolders(path: string): Promise<void> {
    let place = this.#root;
    for (const part of path.split("/")) {
      place = join(place, part);
      if (this.#made.has(place)) continue;
      await mkdir(place, { mode: 0o755 });
      this.#made.add(place);
      this.folders.push(place);
    }
  }
}
