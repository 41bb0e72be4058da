import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

/** What a service has cost since it was started. */
export interface Spent {
  /** Of all its processes, those that have ended too. */
  readonly cpuSeconds: number;
  /** How often its threads went to sleep by themselves, and so had to be woken. */
  readonly wakeUps: number;
  /** Handed to a disk's file system by its main process. */
  readonly writtenBytes: number;
}

/** What its main process holds now. */
export interface Held {
  /** Pages of programs and libraries included, whoever else has them mapped. */
  readonly residentBytes: number;
  /** The same, but each page is divided among all processes on the machine that have it mapped. */
  readonly proportionalBytes: number;
  /** Of the resident: what is no file's, and so is shared with nobody. */
  readonly anonymousBytes: number;
}

/** A service in a container whose files are read from outside under `root`: reading wakes no process. */
export interface Service {
  /** As in `/proc/PID/root`. */
  readonly root: string;
  readonly unit: string;
  readonly pid: number;
}

export async function spentBy({ root, unit, pid }: Service): Promise<Spent> {
  const cpu = await readFile(join(root, "sys/fs/cgroup/system.slice", unit, "cpu.stat"), "utf8");
  const threads = join(root, "proc", String(pid), "task");
  const statuses = await Promise.all(
    (await readdir(threads)).map((thread) => readFile(join(threads, thread, "status"), "utf8")),
  );
  const io = await readFile(join(root, "proc", String(pid), "io"), "utf8");
  return {
    cpuSeconds: number(cpu, /^usage_usec (\d+)$/m) / 1e6,
    wakeUps: statuses.reduce((sum, status) => sum + number(status, /^voluntary_ctxt_switches:\s+(\d+)$/m), 0),
    writtenBytes: number(io, /^write_bytes: (\d+)$/m),
  };
}

export async function heldBy({ root, pid }: Service): Promise<Held> {
  const rollup = await readFile(join(root, "proc", String(pid), "smaps_rollup"), "utf8");
  return {
    residentBytes: number(rollup, /^Rss:\s+(\d+) kB$/m) * 1_024,
    proportionalBytes: number(rollup, /^Pss:\s+(\d+) kB$/m) * 1_024,
    anonymousBytes: number(rollup, /^Anonymous:\s+(\d+) kB$/m) * 1_024,
  };
}

function number(text: string, pattern: RegExp): number {
  const [, digits] = pattern.exec(text) ?? [];
  if (digits === undefined) throw new Error(`The kernel says nothing of ${String(pattern)}: ${text}`);
  return Number(digits);
}
