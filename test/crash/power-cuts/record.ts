import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";
import { readBlockLog, type Entry } from "./block-log.ts";
import { refusingDirectWrites } from "../refused-direct-writes.ts";
import type { SyncVariant } from "./sync-variants.ts";
import type { DurableContents } from "./durability-spec.ts";
import type { WriterOrder } from "./writer.ts";

export const run = promisify(execFile);

/** Memory: a disk that is written to a thousand times, and whose syncs cost nothing. */
const scratch = "/dev/shm";
export const fileSystemBytes = 48 * 2 ** 20;
const diskBytes = fileSystemBytes + 2 ** 20;

/** What a disk was asked while processes wrote on it, from an image of how it was before. */
export interface Recording {
  readonly seed: number;
  readonly habit: SyncVariant;
  /** The disk before the first entry. */
  readonly before: string;
  readonly promised: DurableContents;
  readonly entries: readonly Entry[];
  /** Where the processes of another recording go on. */
  readonly after: Progress;
}

/** How a recording begins: on which disk, of which something was promised before. */
export interface StartingPoint {
  readonly before: string;
  readonly promised: DurableContents;
  readonly progress: Progress;
  readonly bootId: string;
}

export interface RecordOrder {
  readonly seed: number;
  readonly habit: SyncVariant;
  readonly lives: number;
  /** Whether the disk does no direct writes. */
  readonly refusesDirectWrites?: boolean;
}

/** The lives and numbers that were used, and the image that was being fetched. */
interface Progress {
  life: number;
  number: number;
  image: number | null;
}

/** A new folder that is gone when the test is over. */
export async function scratchFolder(): Promise<string> {
  const folder = await mkdtemp(join(scratch, "boardkeeper-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** An empty ext4 with the defaults of Debian, apart from its small size. */
export async function emptyDisk(folder: string): Promise<string> {
  const path = join(folder, "empty.img");
  await writeFile(path, "");
  await truncate(path, diskBytes);
  // Nothing of the file system is left to be written in the background, so that the log holds the writers' work.
  const options = ["-q", "-b", "4096", "-J", "size=4", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard"];
  await run("mkfs.ext4", [...options, path, `${fileSystemBytes / 1_024}k`]);
  return path;
}

/** Lets one process after another write on a disk, and records what the disk was asked. */
export async function record(
  folder: string,
  { before, promised, progress: begun, bootId }: StartingPoint,
  { seed, habit, lives, refusesDirectWrites = false }: RecordOrder,
): Promise<Recording> {
  const program = await bundledProgram(folder, "test/crash/power-cuts/writer.ts");
  const progress = { ...begun };
  const preloads = refusesDirectWrites ? ["--import", refusingDirectWrites] : [];
  const entries = await recordDisk(folder, before, async (mounted, disk) => {
    const order = { folder: join(mounted, "state"), disk, marksAtBytes: fileSystemBytes };
    for (let killed = 0; killed < lives; killed += 1) {
      progress.life += 1;
      await runWriter([...preloads, program], { ...order, ...progress, seed, bootId, habit }, progress);
    }
  });
  return { seed, habit, before, promised, entries, after: progress };
}

/** A program of the tests as a file that Node.js runs. */
export async function bundledProgram(folder: string, source: string): Promise<string> {
  const program = join(folder, "writer.mjs");
  const bundle = ["--bundle", "--platform=node", "--target=node20", "--format=esm", "--log-level=warning"];
  await run("node_modules/.bin/esbuild", [source, ...bundle, `--outfile=${program}`]);
  return program;
}

/**
 * Mounts a copy of a disk, lets something write on it, and returns what the disk was asked.
 * @param write gets the mounted folder, and the disk as a file: what is written behind the file system stands in the log too
 */
export async function recordDisk(
  folder: string,
  before: string,
  write: (mounted: string, disk: string) => Promise<void>,
): Promise<readonly Entry[]> {
  const path = (name: string): string => join(folder, name);
  await copyFile(before, path("disk"));
  for (const name of ["log", "export"]) await writeFile(path(name), "");
  await mkdir(path("mnt"), { recursive: true });
  const disk = await exportLogged(path("disk"), path("log"), path("export"));
  try {
    // ext4 guesses that a file which takes another's place should have been synced (auto_da_alloc). Not here.
    await run("mount", ["-t", "ext4", "-o", "loop,noauto_da_alloc", path("export"), path("mnt")]);
    try {
      await write(path("mnt"), path("export"));
    } finally {
      await run("umount", [path("mnt")]);
    }
  } finally {
    const ended = once(disk, "exit");
    disk.kill("SIGTERM");
    await ended;
  }
  return await readBlockLog(path("log"));
}

/** Offers a disk image as a file, and logs every request to it. Resolves when it can be used. */
async function exportLogged(image: string, log: string, exported: string): Promise<ChildProcess> {
  const disk = spawn(
    "qemu-storage-daemon",
    [
      `--blockdev=driver=file,node-name=image,filename=${image}`,
      `--blockdev=driver=file,node-name=log,filename=${log}`,
      "--blockdev=driver=blklogwrites,node-name=logged,file=image,log=log,log-sector-size=512",
      `--export=type=fuse,id=export,node-name=logged,mountpoint=${exported},writable=on`,
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  let hasEnded = false;
  disk.once("error", () => (hasEnded = true)).once("exit", () => (hasEnded = true));
  while ((await run("findmnt", ["--noheadings", exported]).catch(() => undefined)) === undefined) {
    if (hasEnded) throw new Error("qemu-storage-daemon did not start: see above. It needs /dev/fuse.");
  }
  return disk;
}

async function runWriter(program: readonly string[], order: WriterOrder, progress: Progress): Promise<void> {
  const writer = spawn(process.execPath, [...program, JSON.stringify(order)], { stdio: ["ignore", "pipe", "pipe"] });
  let [said, errors] = ["", ""];
  writer.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  writer.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const [, signal] = (await once(writer, "close")) as [number | null, string | null];
  if (signal !== "SIGKILL") throw new Error(`A writer ended by itself: ${errors}`);
  const last = said.trimEnd().split("\n").at(-1) ?? "";
  if (last !== "") Object.assign(progress, JSON.parse(last));
}
