import { dirname } from "node:path";

/*
 * A disk that loses what was not synced. Programs see one state, a power cut leaves another: of a file what was synced, of
 * a folder the names that it had when it was synced; each later change is kept, torn or lost. States are immutable: to
 * remember one is to keep a reference.
 */

/* Where the agent keeps its state and the images. */
export const stateFolder = "/state";
export const stagingFolder = `${stateFolder}/staging`;
export const stateFile = `${stateFolder}/state.json`;
export const trialsFile = `${stateFolder}/trials`;

interface FileState {
  readonly content: string;
  /** What survives a power cut. */
  readonly durable: string;
}

/** A change of names that the next sync of its folder makes durable; null removes a name. */
type NameChange = Readonly<Record<string, number | null>>;

export interface DiskState {
  readonly files: Readonly<Record<number, FileState>>;
  readonly names: Readonly<Record<string, number>>;
  readonly durableNames: Readonly<Record<string, number>>;
  readonly pending: readonly NameChange[];
  readonly nextId: number;
}

/** A folder's name has this id instead of a file's. */
const folderId = 0;

export function emptyDisk(...folders: readonly string[]): DiskState {
  const names = Object.fromEntries(folders.map((folder) => [folder, folderId]));
  return { files: {}, names, durableNames: names, pending: [], nextId: 1 };
}

export function contentOf(disk: DiskState, path: string): string | undefined {
  const id = disk.names[path];
  return id === undefined ? undefined : disk.files[id]?.content;
}

export function hasName(disk: DiskState, path: string): boolean {
  return disk.names[path] !== undefined;
}

export function namesIn(disk: DiskState, folder: string): string[] {
  return Object.keys(disk.names).filter((path) => dirname(path) === folder);
}

export function makeFolder(disk: DiskState, path: string): DiskState {
  return changeNames(disk, { [path]: folderId });
}

/** Creates a file, or empties the one that is there. */
export function create(disk: DiskState, path: string): DiskState {
  const present = disk.names[path];
  if (present !== undefined) return write(disk, path, "");
  const id = disk.nextId;
  const made = { ...disk, nextId: id + 1, files: { ...disk.files, [id]: { content: "", durable: "" } } };
  return changeNames(made, { [path]: id });
}

export function write(disk: DiskState, path: string, content: string): DiskState {
  const { id, file } = find(disk, path);
  return { ...disk, files: { ...disk.files, [id]: { ...file, content } } };
}

export function sync(disk: DiskState, path: string): DiskState {
  const { id, file } = find(disk, path);
  return { ...disk, files: { ...disk.files, [id]: { ...file, durable: file.content } } };
}

export function rename(disk: DiskState, from: string, to: string): DiskState {
  return changeNames(disk, { [from]: null, [to]: find(disk, from).id });
}

export function link(disk: DiskState, path: string, second: string): DiskState {
  return changeNames(disk, { [second]: find(disk, path).id });
}

export function remove(disk: DiskState, path: string): DiskState {
  return hasName(disk, path) ? changeNames(disk, { [path]: null }) : disk;
}

export function syncFolder(disk: DiskState, folder: string): DiskState {
  const isMine = (change: NameChange): boolean => Object.keys(change).some((path) => dirname(path) === folder);
  const durableNames = apply(disk.durableNames, disk.pending.filter(isMine));
  return { ...disk, durableNames, pending: disk.pending.filter((change) => !isMine(change)) };
}

/** The disk after a clean shutdown: everything is written. */
export function flushed(disk: DiskState): DiskState {
  const files = Object.fromEntries(
    Object.entries(disk.files).map(([id, { content }]) => [id, { content, durable: content }]),
  );
  return withoutUnnamedFiles({ ...disk, files, durableNames: disk.names, pending: [] });
}

/**
 * Every state in which a power cut may leave the disk. Files that nobody reads make no difference: one state stands for
 * all their outcomes.
 */
export function afterPowerCut(disk: DiskState, isRead: (path: string) => boolean): DiskState[] {
  if (isClean(disk)) return [disk];
  const found: DiskState[] = [];
  const open = disk.pending.filter((change) => Object.keys(change).some(isRead));
  for (let chosen = 0; chosen < 2 ** open.length; chosen += 1) {
    const lost = new Set(open.filter((_change, index) => (chosen & (2 ** index)) === 0));
    const survived = disk.pending.filter((change) => !lost.has(change));
    const names = withoutOrphans(apply(disk.durableNames, survived));
    const read = Object.entries(names).flatMap(([path, id]) => (isRead(path) ? [id] : []));
    const dirty = [...new Set(read)].filter((id) => {
      const file = disk.files[id];
      return file !== undefined && file.content !== file.durable;
    });
    for (const files of outcomes(disk.files, dirty)) {
      found.push(withoutUnnamedFiles({ ...disk, files, names, durableNames: names, pending: [] }));
    }
  }
  return found;
}

function isClean({ pending, files }: DiskState): boolean {
  return pending.length === 0 && Object.values(files).every(({ content, durable }) => content === durable);
}

/** Each outcome of files that were not synced: as before, torn, or as written. */
function outcomes(files: DiskState["files"], dirty: readonly number[]): DiskState["files"][] {
  const [id, ...others] = dirty;
  if (id === undefined) {
    return [
      Object.fromEntries(Object.entries(files).map(([one, { content }]) => [one, { content, durable: content }])),
    ];
  }
  const { content, durable } = files[id] ?? { content: "", durable: "" };
  const torn = content.slice(0, Math.floor(content.length / 2));
  return [...new Set([durable, torn, content])].flatMap((kept) =>
    outcomes({ ...files, [id]: { content: kept, durable: kept } }, others),
  );
}

function apply(names: DiskState["names"], changes: readonly NameChange[]): DiskState["names"] {
  const next: Record<string, number> = { ...names };
  for (const change of changes) {
    for (const [path, id] of Object.entries(change)) {
      if (id === null) delete next[path];
      else next[path] = id;
    }
  }
  return next;
}

/** A name whose folder is gone cannot be reached. */
function withoutOrphans(names: DiskState["names"]): DiskState["names"] {
  const entries = Object.entries(names);
  const kept = entries.filter(([path]) => dirname(path) === "/" || names[dirname(path)] !== undefined);
  return kept.length === entries.length ? names : withoutOrphans(Object.fromEntries(kept));
}

function withoutUnnamedFiles(disk: DiskState): DiskState {
  const named = new Set(Object.values(disk.names));
  const files = Object.fromEntries(Object.entries(disk.files).filter(([id]) => named.has(Number(id))));
  return { ...disk, files };
}

function changeNames(disk: DiskState, change: NameChange): DiskState {
  return { ...disk, names: apply(disk.names, [change]), pending: [...disk.pending, change] };
}

function find(disk: DiskState, path: string): { id: number; file: FileState } {
  const id = disk.names[path];
  const file = id === undefined ? undefined : disk.files[id];
  if (id === undefined || file === undefined) {
    throw Object.assign(new Error(`ENOENT: no such file, ${path}`), { code: "ENOENT" });
  }
  return { id, file };
}
