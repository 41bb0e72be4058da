import { readFile } from "node:fs/promises";
import * as v from "valibot";
import { isAbsent } from "../../lib/errors.ts";
import type { BootClock } from "../../lib/clock.ts";
import { check } from "../../contract/check.ts";
import { replaceFile } from "../fs/files.ts";

const slotName = v.picklist(["a", "b"]);
export type SlotName = v.InferOutput<typeof slotName>;

const board = v.object({
  version: v.literal(1),
  /** Of the present boot: what /proc/sys/kernel/random/boot_id is on a real board. */
  bootId: v.string(),
  /** When it was powered on, in milliseconds of this machine's own boot clock. */
  poweredOnMs: v.optional(v.number(), 0),
  running: slotName,
  /** What boots when nothing is on trial. */
  default: slotName,
  /** What the next boot tries, once. */
  trial: v.nullable(slotName),
  /** The firmware version in each slot; null for an empty one. */
  slots: v.object({ a: v.nullable(v.string()), b: v.nullable(v.string()) }),
});

/** What a simulated board keeps while its power is off: two slots and a boot loader's environment, in one file. */
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
 * The boot loader: tries the slot on trial once; at every other start it boots the default.
 * @param nowMs what this machine's own boot clock says
 */
export function powerOn(before: SimulatedBoard, bootId: string, nowMs: number): SimulatedBoard {
  const trial = before.trial !== null && before.slots[before.trial] !== null ? before.trial : null;
  return { ...before, bootId, poweredOnMs: nowMs, running: trial ?? before.default, trial: null };
}

/** The board's own boot clock, which began when it was powered on, over that of the machine that plays it. */
export function boardBootClock({ poweredOnMs }: SimulatedBoard, machine: BootClock): BootClock {
  return { nowMs: () => machine.nowMs() - poweredOnMs };
}

/** Reads a board; undefined where there is none yet. Rejects when the file is not one. */
export async function readBoard(path: string): Promise<SimulatedBoard | undefined> {
  try {
    const file = check(board, JSON.parse(await readFile(path, "utf8")));
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
