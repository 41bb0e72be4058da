import * as v from "valibot";
import { isAbsent } from "../../lib/errors.ts";
import { readRegularFile } from "../../lib/regular-file.ts";
import type { BootClock } from "../../lib/clock.ts";
import { check } from "../../contract/check.ts";
import { replaceFile } from "../fs/files.ts";

const slotName = v.picklist(["a", "b"]);
export type SlotName = v.InferOutput<typeof slotName>;

const board = v.object({
  version: v.literal(1),
  /** Of the current boot, as in /proc/sys/kernel/random/boot_id of a real board. */
  bootId: v.string(),
  /** When the board was powered on, in milliseconds of the host's boot clock. */
  poweredOnMs: v.optional(v.number(), 0),
  running: slotName,
  /** The slot that boots without a trial. */
  default: slotName,
  /** The slot that the next boot tries, once. */
  trial: v.nullable(slotName),
  /** The firmware version in each slot; null for an empty slot. */
  slots: v.object({ a: v.nullable(v.string()), b: v.nullable(v.string()) }),
});

/** What a simulated board keeps without power: two slots and the boot loader's environment, in one file. */
export type SimulatedBoard = Readonly<v.InferOutput<typeof board>>;

export function createBoard(firmwareVersion: string): SimulatedBoard {
  return {
    version: 1,
    bootId: "",
    poweredOnMs: 0,
    running: "a",
    default: "a",
    trial: null,
    slots: { a: firmwareVersion, b: null },
  };
}

export function otherSlot(slot: SlotName): SlotName {
  return slot === "a" ? "b" : "a";
}

/**
 * The boot loader: tries the slot on trial once; every other start boots the default slot.
 * @param nowMs of the host's boot clock
 */
export function powerOn(before: SimulatedBoard, bootId: string, nowMs: number): SimulatedBoard {
  const trial = before.trial !== null && before.slots[before.trial] !== null ? before.trial : null;
  return { ...before, bootId, poweredOnMs: nowMs, running: trial ?? before.default, trial: null };
}

/** The simulated board's boot clock, which starts when the board is powered on. @param host the host's boot clock */
export function boardBootClock({ poweredOnMs }: SimulatedBoard, host: BootClock): BootClock {
  return { nowMs: () => host.nowMs() - poweredOnMs };
}

/** Reads a board; undefined where there is no file yet. Rejects when the file is no simulated board. */
export async function readBoard(path: string): Promise<SimulatedBoard | undefined> {
  try {
    const file = check(board, JSON.parse(await readRegularFile(path)));
    if (file.ok) return file.value;
    throw new Error(
      `${path} is not a simulated board (${file.problems.join("; ")}). Remove it to begin with a new one.`,
    );
  } catch (cause) {
    if (isAbsent(cause)) return undefined;
    throw cause;
  }
}

export async function writeBoard(path: string, content: SimulatedBoard): Promise<void> {
  await replaceFile(path, `${JSON.stringify(content, null, 2)}\n`);
}
