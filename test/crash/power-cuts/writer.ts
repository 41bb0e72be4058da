import { constants, writeSync } from "node:fs";
import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { FilePartialStore } from "../../../agent/board/image/partial-store.ts";
import { saveLastKnownGood } from "../../../agent/board/fs/last-known-good-file.ts";
import { StagingFolder } from "../../../agent/board/image/staging.ts";
import { ChecksummedStateFile } from "../../../agent/board/fs/state-file.ts";
import { DiskReserveFile, reserveBytes } from "../../../agent/board/fs/reserve-file.ts";
import { BootCounterFile } from "../../../agent/board/fs/boot-counter-file.ts";
import { unlinkedDisk } from "../../../agent/board/trust/own-files.ts";
import { stateFileNames } from "../../../agent/config/paths.ts";
import { randomFrom } from "../../support/random.ts";
import { configOf, countOf, imageOf, isLarge, metadataOf, stateOf } from "./content.ts";
import { trustFolderIn } from "./trust-store.ts";
import { diskWith, applyVariant, type SyncVariant } from "./sync-variants.ts";
import { encodeMark, type Mark } from "./marks.ts";
import { reserved } from "./durability-spec.ts";

/*
 * One life of a process that writes what the agent writes, with the agent's own code, and kills itself in the middle of
 * something. A program of its own, so that its end is a real one: what it had written is the kernel's, and not yet the disk's.
 */

export interface WriterOrder {
  /** On the disk that is recorded. */
  readonly folder: string;
  /** The disk that is recorded as a file, and where on it marks are written. */
  readonly disk: string;
  readonly marksAtBytes: number;
  readonly seed: number;
  readonly life: number;
  /** The last number that was used for anything. */
  readonly number: number;
  /** The image of which something may lie on the disk. */
  readonly image: number | null;
  readonly bootId: string;
  readonly habit: SyncVariant;
}

const order = JSON.parse(process.argv[2] ?? "") as WriterOrder;
const { folder, seed, life, habit, bootId } = order;
const random = randomFrom(seed * 1_009 + life); // Each life does something else.
const upTo = (bound: number): number => Math.floor(random() * bound);
const signal = new AbortController().signal;

let { number, image: presentImage } = order;
/** The next process goes on from here. */
const acknowledge = (): void => void writeSync(1, `${JSON.stringify({ number, image: presentImage })}\n`);
const next = (): number => {
  number += 1;
  acknowledge();
  return number;
};

const marks = await open(order.disk, constants.O_WRONLY);
async function mark(one: Mark): Promise<void> {
  await marks.write(encodeMark(one), 0, undefined, order.marksAtBytes);
}

await applyVariant(habit, folder);
const disk = diskWith(habit);
const stateFile = new ChecksummedStateFile(folder, disk);
const trials = new BootCounterFile(folder, disk);
const reserve = new DiskReserveFile(folder, disk);
const staging = new StagingFolder(join(folder, "staging"), 0);
let bootMs = 0;
const partials = new FilePartialStore(bootId, { nowMs: () => bootMs });

const { saved } = await stateFile.load();
if (saved !== undefined) await mark({ of: "state", is: "kept", value: saved.seq });
const trust = trustFolderIn(folder, diskWith(habit, unlinkedDisk));
if ((await trust.load()) === undefined) await saveTrust(); // A floor without a root is nobody's.
let config: number | undefined;
let isStaged = false;
/** Each third process begins with a large image, where none is on its way. */
let wantsLarge = life % 3 === 1;

async function save(): Promise<void> {
  const value = next();
  await mark({ of: "state", is: "begun", value });
  await stateFile.save(stateOf(seed, value));
  await mark({ of: "state", is: "kept", value });
}

async function count(): Promise<void> {
  const value = countOf((await trials.read()) + 1);
  await mark({ of: "trials", is: "begun", value });
  await trials.write(value);
  await mark({ of: "trials", is: "kept", value });
}

/** As after a refresh; a root comes seldom. */
async function saveTrust(): Promise<void> {
  const present = await trust.load();
  const value = next();
  const metadata = metadataOf(seed, value);
  const isNewRoot = present === undefined || random() < 0.3;
  const root = isNewRoot ? metadata.root : present.metadata.root;
  const record = present?.record ?? { floor: 0, issued: null };
  if (isNewRoot) await mark({ of: "root", is: "begun", value });
  await mark({ of: "trust", is: "begun", value });
  if (present === undefined) await mark({ of: "floor", is: "begun", value: 0 });
  await trust.save({ ...metadata, root }, record);
  if (isNewRoot) await mark({ of: "root", is: "kept", value });
  await mark({ of: "trust", is: "kept", value });
  if (present === undefined) await mark({ of: "floor", is: "kept", value: 0 });
}

/** At times to what it is already, as when a commit is repeated. */
async function raiseFloor(): Promise<void> {
  const present = (await trust.load())?.record.floor ?? 0;
  const value = random() < 0.3 ? present : next();
  await mark({ of: "floor", is: "begun", value });
  await trust.raiseFloor(value);
  await mark({ of: "floor", is: "kept", value });
}

/** At times the same once more, as at each connection. */
async function keepConfig(): Promise<void> {
  const value = config === undefined || random() < 0.7 ? next() : config;
  config = value;
  await mark({ of: "config", is: "begun", value });
  await saveLastKnownGood(folder, configOf(seed, value), disk);
  await mark({ of: "config", is: "kept", value });
}

/** Gives the reserve away, or takes it again. */
async function keepReserve(): Promise<void> {
  const size = await stat(join(folder, stateFileNames.reserve)).then(
    (file) => file.size,
    () => 0,
  );
  if (size === reserveBytes) {
    await mark({ of: "reserve", is: "begun", value: reserved.gone });
    await reserve.release();
    await mark({ of: "reserve", is: "kept", value: reserved.gone });
    return;
  }
  // Created over what there is: for a moment, and after a cut, there may be nothing, some of it, or all.
  for (const value of [reserved.part, reserved.whole]) await mark({ of: "reserve", is: "begun", value });
  await reserve.refill();
  await mark({ of: "reserve", is: "kept", value: reserved.whole });
}

function nextImage(): number {
  do next();
  while (isLarge(number) !== wantsLarge);
  wantsLarge = false;
  return number;
}

/** Goes on with the image that lies there in part, or begins another; at times it is dropped on the way. */
async function download(): Promise<void> {
  const image = (presentImage ??= nextImage());
  acknowledge();
  const { content, sha256 } = imageOf(seed, image);
  const path = await staging.partialPath(sha256);
  const partial = await partials.open(path, "op-1", signal);
  const source = { address: "https://images.example/board.img", validator: `"${image}"` };
  await partial.setSource(content.length, source);
  const large = isLarge(image);
  const pauseAt = random() < 0.5 && !large ? upTo(content.length) : content.length;
  while (partial.bytes < pauseAt) {
    const piece = content.subarray(partial.bytes, partial.bytes + 1 + upTo((large ? 1_024 : 64) * 1_024));
    // Some pieces are synced as they come, and records written seldom, as in real time; a large image comes quickly.
    bootMs += upTo(large ? 1_000 : 20_000);
    await partial.append(piece);
    if (random() < 0.02 && !large) {
      await mark({ of: "image", image, is: "given up" });
      await partial.startOver({ ...partial.usage, startOvers: partial.usage.startOvers + 1 });
      await partial.setSource(content.length, source);
    }
  }
  await partial.close();
  await mark({ of: "image", image, is: "kept", bytes: partial.bytes });
  if (partial.bytes === content.length) await stageImage(image, sha256);
}

async function stageImage(image: number, sha256: string): Promise<void> {
  await mark({ of: "image", image, is: "staging" });
  await staging.promote(sha256);
  await mark({ of: "image", image, is: "staged" });
  await staging.verify(sha256, signal);
  isStaged = true;
}

async function imageStep(): Promise<void> {
  if (isStaged && presentImage !== null && random() < 0.6) await clear(presentImage);
  else await download();
}

/** What is done when a job has ended: nothing of it may take room any more. */
async function clear(image: number): Promise<void> {
  await mark({ of: "image", image, is: "given up" });
  await staging.removeAllExcept([]);
  presentImage = null;
  isStaged = false;
  acknowledge(); // First: a process that is killed after the mark must not leave the image to the next.
  await mark({ of: "image", image, is: "cleared" });
}

const dieIn = 4 + upTo(30);
for (let done = 0; ; done += 1) {
  // The store saves while bytes arrive.
  const [drawn, beside] = [random(), random()];
  const act =
    drawn < 0.4
      ? imageStep
      : drawn < 0.58
        ? save
        : drawn < 0.68
          ? count
          : drawn < 0.76
            ? keepConfig
            : drawn < 0.82
              ? keepReserve
              : drawn < 0.92
                ? saveTrust
                : raiseFloor;
  const both = Promise.all([act(), act !== save && beside < 0.5 ? save() : undefined]);
  if (done === dieIn) setTimeout(() => process.kill(process.pid, "SIGKILL"), upTo(8));
  await both;
}
