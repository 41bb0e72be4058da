import type { RestartKind } from "../../agent/update/job.ts";

/* A board with two slots and a boot loader that tries a slot once, or with a service that an installer switches over. */

type Slot = "a" | "b";

/** How a new system turns out: it works; it does not boot; it cannot reach the hub; its agent crashes within a second. */
export type Quality = "good" | "unbootable" | "offline" | "crashing";

export interface BoardState {
  readonly restart: RestartKind;
  readonly slots: Readonly<Record<Slot, string | null>>;
  readonly running: Slot;
  /** What boots unless a trial is armed. */
  readonly default: Slot;
  /** What the next boot tries, once. */
  readonly trial: Slot | null;
  /** The number of boots; the boot id is made of it. */
  readonly boots: number;
  /** True from the order to reboot until the reboot. */
  readonly goingDown: boolean;
}

export const firstVersion = "1.0.0";

export function newBoard(restart: RestartKind): BoardState {
  const slots = { a: firstVersion, b: null };
  return { restart, slots, running: "a", default: "a", trial: null, boots: 1, goingDown: false };
}

export function bootIdOf(board: BoardState): string {
  return `boot-${board.boots}`;
}

export function runningVersionOf(board: BoardState): string | null {
  return board.slots[board.running];
}

/** The boot loader. A system that does not boot is reset by the watchdog: one more boot, into the default slot. */
export function boot(board: BoardState, quality: (version: string) => Quality): BoardState {
  const tried = board.trial === null ? null : board.slots[board.trial];
  const comesUp = board.trial !== null && tried !== null && quality(tried) !== "unbootable";
  const failed = board.trial !== null && !comesUp;
  const running = comesUp && board.trial !== null ? board.trial : board.default;
  return { ...board, running, trial: null, boots: board.boots + (failed ? 2 : 1), goingDown: false };
}

export function beginInstall(board: BoardState): BoardState {
  return { ...board, slots: { ...board.slots, [inactiveSlot(board)]: null } };
}

export function endInstall(board: BoardState, version: string): BoardState {
  return { ...board, slots: { ...board.slots, [inactiveSlot(board)]: version } };
}

/** Lets the next boot try the new system; where a service restarts, switches over to it at once. */
export function arm(board: BoardState, version: string): BoardState {
  const slot = slotOf(board, version);
  if (board.restart === "board") return { ...board, trial: slot };
  return { ...board, running: slot, default: slot };
}

export function commit(board: BoardState): BoardState {
  return { ...board, default: board.running };
}

export function revert(board: BoardState, version: string): BoardState {
  const isNew = (slot: Slot): boolean => board.slots[slot] === version;
  const old = isNew(board.default) ? other(board.default) : board.default;
  return { ...board, trial: null, default: old, running: board.restart === "board" ? board.running : old };
}

function slotOf(board: BoardState, version: string): Slot {
  return board.slots.a === version ? "a" : "b";
}

/** The slot that does not run. */
function inactiveSlot({ running }: BoardState): Slot {
  return other(running);
}

function other(slot: Slot): Slot {
  return slot === "a" ? "b" : "a";
}
