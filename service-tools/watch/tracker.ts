import type { BoardView } from "../boards/board-view.ts";

/** What is known of an operation while it is watched. */
export interface Progress {
  /** The phases entered so far, in order; the last one is the present one. */
  readonly phases: readonly PhaseEntry[];
  /** How much of the image has arrived; null unless the present phase is a download. */
  readonly download: { readonly receivedBytes: number; readonly totalBytes: number | null } | null;
  /** Why the present phase makes no progress, if the board says so. */
  readonly delay: string | null;
  /** False while the board has no connection to the hub. */
  readonly online: boolean;
}

export interface PhaseEntry {
  readonly phase: string;
  /** A few words about the phase; empty when there is nothing to add. */
  readonly note: string;
}

/**
 * Tracks one operation from twin to twin until it ends. Pure: `next` gets the memory that the step before it returned.
 * `reboot-tracker.ts` and `update-tracker.ts` implement it.
 */
export interface Tracker<Memory, End> {
  readonly initial: Memory;
  next(memory: Memory, board: BoardView): Step<Memory, End>;
}

/** The result of reading the twin once. */
export interface Step<Memory, End> {
  readonly memory: Memory;
  readonly progress: Progress;
  /** Set once the operation has ended, well or badly. */
  readonly end?: End | undefined;
  /**
   * An end that the twin only suggests: it says nothing new, and may be older than the board. It counts once the board itself,
   * asked after that, says the same.
   */
  readonly presumedEnd?: End | undefined;
}

/** A board that does nothing for a request says nothing of it. So many reads without a word suggest that; it begins within seconds. */
export const silentReadsUntilPresumed = 10;

/** Appends phases to those entered before. If the first one is already the present phase, only its note is replaced. */
export function enterPhases(phases: readonly PhaseEntry[], entered: readonly PhaseEntry[]): readonly PhaseEntry[] {
  return entered.reduce<readonly PhaseEntry[]>(
    (before, one) => [...(before.at(-1)?.phase === one.phase ? before.slice(0, -1) : before), one],
    phases,
  );
}
