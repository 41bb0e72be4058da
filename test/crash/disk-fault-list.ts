/* The calls of the agent on its files that the kernel can refuse. */

/** What is refused: which call on which of the agent's files, with what, and which time. */
export interface DiskFault {
  readonly file: keyof typeof calls;
  readonly call: string;
  readonly error: "ENOSPC" | "EIO" | "EROFS" | "EINVAL";
  /** In each process: as strace writes it, `2` for the second time, `2+` for that and all later ones. */
  readonly when: string;
}

/** The calls that an update makes on each file, by the names of Linux, and how often one process makes them at least. */
const calls = {
  "state.json.new": { openat: 4, write: 4, fsync: 4, rename: 4 },
  "state.previous.json": { link: 4, unlink: 4 },
  ".": { fsync: 4 },
  "trials.new": { openat: 1, write: 1, fsync: 1, rename: 1 },
  "config.last-good.json.new": { openat: 1, write: 1, fsync: 1, rename: 1 },
  "history.json.new": { openat: 2, write: 2, fsync: 2, rename: 2 },
  "state.reserve": { openat: 1, write: 1, fsync: 1 },
  "staging/DIGEST.part": { openat: 1, pwrite64: 3, ftruncate: 1, fdatasync: 1, rename: 1 },
  "staging/DIGEST.part.json.new": { openat: 2, write: 2, fsync: 2, rename: 2 },
  "staging/DIGEST.part.json": { unlink: 1 },
  "staging/DIGEST.image": { openat: 1, read: 3 },
  staging: { mkdir: 3, fsync: 3 },
} as const satisfies Record<string, Readonly<Record<string, number>>>;

const errors = ["ENOSPC", "EIO", "EROFS"] as const;

/** Once, at its first or a later time, and for good from then on: as far as the call is made so often. */
function whensOf(times: number): string[] {
  return times === 1 ? ["1", "1+"] : ["1", `${Math.min(times, 3)}`, "1+", `${times}+`];
}

/** The answer to a direct write where the file system does none: the update goes on without. */
export const refusedDirectWrites: readonly DiskFault[] = ["1", "2"].map((when) => ({
  file: "staging/DIGEST.part",
  call: "pwrite64",
  error: "EINVAL",
  when,
}));

export function allDiskFaults(): DiskFault[] {
  const faults: DiskFault[] = (Object.keys(calls) as DiskFault["file"][]).flatMap((file) =>
    Object.entries(calls[file]).flatMap(([call, times]) =>
      errors.flatMap((error) => whensOf(times).map((when) => ({ file, call, error, when }))),
    ),
  );
  return [...faults, ...refusedDirectWrites];
}
