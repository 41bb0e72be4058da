import { createHash } from "node:crypto";
import { copyFile, mkdir, open, readFile, rm, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { randomFrom } from "../../support/random.ts";
import { cutsOf, epochsOf, type Cut, type Epoch } from "./crash-states.ts";
import { readBack } from "./read-back.ts";
import { decodeMark } from "./marks.ts";
import { findLosses, durableAfterMark, type ReadBack, type DurableContents } from "./durability-spec.ts";
import { fileSystemBytes, run, type Recording } from "./record.ts";

const blockBytes = 4_096;

export interface Replayed {
  readonly entries: number;
  readonly flushes: number;
  /** Of the images that were promised to survive, in whole or in part, the largest. */
  readonly largestKeptBytes: number;
  /** Disks with another content each, mounted and read. */
  states: number;
  /** Those of them that hold a part of what was not flushed. */
  parts: number;
  /** Disks on which something that was promised is not so, with what. */
  readonly broken: string[];
  /** One of the disks, drawn at random, as it was before it was mounted, with what was found on it. */
  picked: { readonly path: string; readonly found: ReadBack } | undefined;
}

export interface ReplayOptions {
  /** Between two flushes, so many parts of what was written there, beside nothing of it. */
  readonly partsPerFlush: number;
  /** Parts are examined between so many flushes, drawn at random; between all when there are fewer. */
  readonly drawnFlushes: number;
}

/** Puts the disk into the states in which a power cut may leave it, and reads each with the agent's own readers. */
export async function replay(folder: string, recording: Recording, options: ReplayOptions): Promise<Replayed> {
  const { entries, seed } = recording;
  const random = randomFrom(seed);
  const epochs = epochsOf(entries, ({ atBytes }) => atBytes < fileSystemBytes);
  const acknowledged = new Acknowledged(recording);
  const replayed: Replayed = {
    entries: entries.length,
    flushes: epochs.length - 1,
    largestKeptBytes: acknowledged.largestKeptBytes,
    states: 0,
    parts: 0,
    broken: [],
    picked: undefined,
  };
  const disk = await FlushedDisk.on(folder, recording.before);
  const seen = new Set<string>();
  const share = options.drawnFlushes / epochs.length;
  for (const epoch of epochs) {
    for (const cut of cutsOf(epoch, random() < share ? options.partsPerFlush : 0, random)) {
      const name = disk.nameOf(cut);
      if (seen.has(name)) continue;
      seen.add(name);
      const path = await disk.cutOff(cut);
      const isPicked = random() < 1 / (replayed.states + 1);
      if (isPicked) await copyFile(path, join(folder, "picked"));
      const found = await readBackDisk(folder, path, seed, acknowledged.imagesUntil(epoch.to));
      if (isPicked) replayed.picked = { path: join(folder, "picked"), found };
      replayed.states += 1;
      if (cut.pieces.length > 0) replayed.parts += 1;
      const wrong = acknowledged
        .between(Math.max(cut.last, epoch.from), epoch.to)
        .map((promised) => findLosses(promised, found));
      const first = wrong.find((one) => one.length > 0);
      if (first !== undefined) {
        const where = `entry ${cut.last} of ${entries.length}, ${cut.pieces.length} of ${epoch.writes.length} writes`;
        replayed.broken.push(`${where}: ${first.join("; ")}`);
      }
    }
    await disk.flush(epoch);
  }
  await disk.close();
  return replayed;
}

/** What the writers had acknowledged at each place in the log. */
class Acknowledged {
  readonly #steps: { readonly index: number; readonly promised: DurableContents }[];
  largestKeptBytes = 0;

  constructor({ entries, promised }: Recording) {
    let now = promised;
    this.#steps = [{ index: -1, promised }];
    entries.forEach((entry, index) => {
      if (entry.kind !== "write" || entry.atBytes < fileSystemBytes) return;
      const mark = decodeMark(entry.data);
      if (mark.of === "image" && mark.is === "kept")
        this.largestKeptBytes = Math.max(this.largestKeptBytes, mark.bytes);
      now = durableAfterMark(now, mark);
      this.#steps.push({ index, promised: now });
    });
  }

  /** All that was promised at some time between two entries: the same disk may be left at any of them. */
  between(first: number, last: number): DurableContents[] {
    const before = this.#steps.findLast(({ index }) => index <= first);
    const during = this.#steps.filter(({ index }) => index > first && index < last);
    return [...(before === undefined ? [] : [before]), ...during].map(({ promised }) => promised);
  }

  /** The last images of which something had been acknowledged. */
  imagesUntil(last: number): number[] {
    const { promised } = this.#steps.findLast(({ index }) => index < last) ?? { promised: undefined };
    return Object.keys(promised?.images ?? {}).map(Number);
  }
}

/** The disk with all that was flushed, in a file and in memory. */
class FlushedDisk {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #content: Buffer;
  /** Counts the flushes that have changed something. */
  #version = 0;
  #cuts = 0;

  private constructor(path: string, file: FileHandle, content: Buffer) {
    this.#path = path;
    this.#file = file;
    this.#content = content;
  }

  static async on(folder: string, before: string): Promise<FlushedDisk> {
    const path = join(folder, "flushed");
    await run("cp", ["--sparse=always", before, path]);
    return new FlushedDisk(path, await open(path, "r+"), await readFile(path));
  }

  /** The same for cuts that leave the same disk. */
  nameOf({ pieces }: Cut): string {
    const changed = new Map<number, Buffer>();
    for (const { atBytes, data } of pieces) {
      for (let done = 0; done < data.length; done += blockBytes) {
        changed.set(atBytes + done, data.subarray(done, done + blockBytes));
      }
    }
    const hash = createHash("sha256");
    for (const [atBytes, data] of [...changed].sort(([a], [b]) => a - b)) {
      if (!data.equals(this.#content.subarray(atBytes, atBytes + data.length))) hash.update(`${atBytes} `).update(data);
    }
    return `${this.#version} ${hash.digest("hex")}`;
  }

  /**
   * A copy of the disk with what a cut has left. Under a new name each time: a loop device lets go of its file some time after
   * it was unmounted, and a mount of the same file would be given that device, with what it remembers of the disk before.
   */
  async cutOff({ pieces }: Cut): Promise<string> {
    this.#cuts += 1;
    const path = `${this.#path}-cut-${this.#cuts}`;
    await run("cp", ["--sparse=always", this.#path, path]);
    const file = await open(path, "r+");
    for (const { atBytes, data } of pieces) await file.write(data, 0, data.length, atBytes);
    await file.close();
    return path;
  }

  async flush({ writes }: Epoch): Promise<void> {
    let isChanged = false;
    for (const { write } of writes) {
      const { atBytes, data } = write;
      isChanged ||= !data.equals(this.#content.subarray(atBytes, atBytes + data.length));
      data.copy(this.#content, atBytes);
      await this.#file.write(data, 0, data.length, atBytes);
    }
    if (isChanged) this.#version += 1;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** Starts the board after the cut: the file system plays its store, and the agent's readers read. */
async function readBackDisk(folder: string, path: string, seed: number, images: readonly number[]): Promise<ReadBack> {
  const mountPoint = join(folder, "cut-mnt");
  await mkdir(mountPoint, { recursive: true });
  await run("mount", ["-t", "ext4", "-o", "loop", path, mountPoint]);
  try {
    return await readBack(join(mountPoint, "state"), seed, images);
  } finally {
    await run("umount", [mountPoint]);
    await rm(path);
  }
}
