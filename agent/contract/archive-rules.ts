import { keysOf } from "./name-keys.ts";

/*
 * Which archives may become a release: the same rules where one is published and where it is unpacked as root, so that a publisher
 * learns of a refusal before a board does. docs/decisions/022-releases.md gives the reason of each.
 */

/** An archive that is not what it should be. The message names the entry, and says what to do. */
export class ArchiveRefused extends Error {
  /** Damaged or of another format; not allowed in a release; more than was signed. */
  readonly code: "archive-invalid" | "archive-unsafe" | "archive-too-large";

  constructor(code: ArchiveRefused["code"], message: string) {
    super(message);
    this.name = "ArchiveRefused";
    this.code = code;
  }
}

/** One file, folder or link, as its header describes it. Names and targets are UTF-8 that was checked, and otherwise as written. */
export type ArchiveEntry = EntryOf<"file" | "folder"> | (EntryOf<"symlink" | "hardlink"> & { readonly target: string });

interface EntryOf<Kind extends string> {
  readonly kind: Kind;
  readonly name: string;
  /** The permission bits, with set-user-ID, set-group-ID and sticky. */
  readonly mode: number;
  /** Bytes of content that follow the header; 0 for all but files. */
  readonly sizeBytes: number;
}

/** An entry that was checked. */
export interface ReleaseEntry {
  readonly kind: ArchiveEntry["kind"];
  /** Its path below the release's folder: no "." or "..", no slash at its ends. Empty for that folder itself. */
  readonly path: string;
  readonly isExecutable: boolean;
  readonly sizeBytes: number;
  /** Of a symlink: as it is written. Of a hard link: the path of an earlier file. Of others: empty. */
  readonly target: string;
}

/** The most files, folders and links of one release, and the most bytes of all their paths: they are held in memory. */
export const maxArchiveEntries = 100_000;
const maxArchivePathBytes = 16 * 1_048_576;
/** The longest path, and the longest target of a symlink, in bytes of UTF-8. */
export const maxEntryPathBytes = 1_024;
/** The longest name of one file or folder that Linux takes, in bytes. */
const maxNameBytes = 255;

/** Characters that are not seen, or change how others are shown: also line ends and marks of the writing direction. */
const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const specialModes = 0o7000;

/** Checks the entries of one archive, in their order. An archive that it has refused an entry of is not to be used. */
export class ArchiveRules {
  /** How each path is first spelled, by each of its keys. */
  readonly #spellings = new Map<string, string>();
  #paths = 0;
  /** Folders: those that the archive lists, and those that it only implies by a path. */
  readonly #folders = new Map<string, "listed" | "implied">([["", "implied"]]);
  readonly #files = new Set<string>();
  #pathBytes = 0;

  /** @throws ArchiveRefused for an entry that a release may not have */
  check(entry: ArchiveEntry): ReleaseEntry {
    const path = pathOf(entry);
    const { kind, mode, sizeBytes } = entry;
    if ((mode & specialModes) !== 0)
      refuse(entry.name, "is set-user-ID, set-group-ID or sticky. Take that away (chmod ug-s,-t), then pack again");
    if (path === "" && kind !== "folder") refuse(entry.name, "has no name of its own");
    this.#addParents(entry.name, path);
    const isImplied = kind === "folder" && this.#folders.get(path) === "implied";
    if (isImplied) this.#folders.set(path, "listed");
    else this.#addSpelling(entry.name, path);
    if (kind === "folder") this.#folders.set(path, "listed");
    if (kind === "file") this.#files.add(path);
    return { kind, path, isExecutable: (mode & 0o111) !== 0, sizeBytes, target: this.#targetOf(entry, path) };
  }

  /** Every folder above an entry must be one, or not be there yet. */
  #addParents(name: string, path: string): void {
    for (let end = path.indexOf("/"); end !== -1; end = path.indexOf("/", end + 1)) {
      const parent = path.slice(0, end);
      if (this.#folders.has(parent)) continue;
      if (this.#spellings.get(keysOf(parent)[0]) === parent)
        refuse(name, "lies below a file or a link of the same archive");
      this.#addSpelling(name, parent);
      this.#folders.set(parent, "implied");
    }
  }

  #addSpelling(name: string, path: string): void {
    for (const key of keysOf(path)) {
      const former = this.#spellings.get(key);
      if (former === path || (path === "" && this.#folders.get("") === "listed"))
        refuse(name, "is in the archive twice. Pack it once");
      if (former !== undefined)
        refuse(
          name,
          `looks like ${quote(former)}: capitals, notation, or letters of another alphabet alone do not tell names apart. Rename one of them`,
        );
    }
    for (const key of keysOf(path)) this.#spellings.set(key, path);
    this.#paths += 1;
    this.#pathBytes += byteLength(path);
    if (this.#paths > maxArchiveEntries || this.#pathBytes > maxArchivePathBytes) {
      const limits = `${maxArchiveEntries} files and folders, with ${maxArchivePathBytes} bytes of paths`;
      throw new ArchiveRefused("archive-unsafe", `The archive has more than ${limits}. Pack less into one release.`);
    }
  }

  #targetOf(entry: ArchiveEntry, path: string): string {
    if (entry.kind === "symlink") return checkSymlink(entry.name, path, entry.target);
    if (entry.kind !== "hardlink") return "";
    const target = checkPath(entry.name, "is a hard link to a name that", entry.target);
    if (!this.#files.has(target))
      refuse(entry.name, `is a hard link to ${quote(entry.target)}, which is no earlier file of the archive`);
    return target;
  }
}

function pathOf({ name, kind }: ArchiveEntry): string {
  // Some take such a name for a folder, whatever its type says.
  if (kind !== "folder" && name.endsWith("/")) refuse(name, "is no folder, and its name ends with a slash");
  return checkPath(name, "has a name that", kind === "folder" ? name.replace(/\/$/, "") : name);
}

/** A path without the "./" that `tar -C FOLDER .` writes before each. */
function checkPath(entry: string, what: string, written: string): string {
  if (written.startsWith("/")) refuse(entry, `${what} is absolute. Pack with tar -C FOLDER .`);
  checkText(entry, what, written);
  const path = written === "." ? "" : written.replace(/^\.\//, "");
  if (path === "") return path;
  for (const part of path.split("/")) {
    if (part === "..") refuse(entry, `${what} has ".." in it`);
    if (part === "" || part === ".") refuse(entry, `${what} has an empty part or "." in it`);
    // A shell's * hands such a name to a program, which takes it for an option.
    if (part.startsWith("-")) refuse(entry, `${what} has a part that begins with a dash. Rename it`);
    if (byteLength(part) > maxNameBytes) refuse(entry, `${what} has a part of more than ${maxNameBytes} bytes`);
  }
  return path;
}

function checkText(entry: string, what: string, text: string): void {
  if (byteLength(text) > maxEntryPathBytes) refuse(entry, `${what} has more than ${maxEntryPathBytes} bytes`);
  if (invisible.test(text)) refuse(entry, `${what} has control characters or others that are not seen. Rename it`);
}

/**
 * A link that leads nowhere but to the release's own folder, through whatever links it passes: ".." stands only at the beginning of
 * its target, where the folders above are no links, and every link that comes after is one of these.
 */
function checkSymlink(entry: string, path: string, target: string): string {
  checkText(entry, "is a link to a path that", target);
  if (target === "") refuse(entry, "is a link to nothing");
  if (target.startsWith("/"))
    refuse(entry, `is a link to ${quote(target)}, out of the release. Link to a path relative to it`);
  const parts = target.split("/").filter((part) => part !== "" && part !== ".");
  const down = parts.findIndex((part) => part !== "..");
  const up = down === -1 ? parts.length : down;
  if (up > path.split("/").length - 1) refuse(entry, `is a link to ${quote(target)}, out of the release`);
  if (parts.slice(up).includes("..")) refuse(entry, `is a link to ${quote(target)}, with ".." behind a name`);
  return target;
}

function refuse(entry: string, why: string): never {
  throw new ArchiveRefused("archive-unsafe", `${quote(entry)} ${why}.`);
}

/** For a sentence: no name can look like a part of it. */
export function quote(name: string): string {
  const shown = name.length > 100 ? `${name.slice(0, 100)}…` : name;
  return JSON.stringify(shown).replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (one) => `\\u{${one.codePointAt(0)?.toString(16)}}`,
  );
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
