import type { BoardView } from "../boards/board-view.ts";

/** What is shown of an operation while it is followed. */
export interface Scene {
  /** The phases gone through, in order; the last is the present one. */
  readonly phases: readonly PhaseNote[];
  /** How far the present phase has come, where that is known. */
  readonly progress: { readonly receivedBytes: number; readonly totalBytes: number | null } | null;
  /** Why the present phase stands still, where the board says so. */
  readonly delay: string | null;
  /** False while the board has no connection to the hub. */
  readonly online: boolean;
}

export interface PhaseNote {
  readonly phase: string;
  /** More about it in a few words; empty where there is nothing to add. */
  readonly note: string;
}

/**
 * An operation as it is followed through the twin, one look after another. Pure: the memory of what was seen is passed in
 * and handed on.
 */
export interface Story<Memory, End> {
  readonly begin: Memory;
  next(memory: Memory, board: BoardView): Chapter<Memory, End>;
}

export interface Chapter<Memory, End> {
  readonly memory: Memory;
  readonly scene: Scene;
  /** There once the operation has ended, well or badly. */
  readonly end?: End | undefined;
}

/** Adds phases to those gone through; one that is the present one already gets its new note. */
export function turnTo(phases: readonly PhaseNote[], entered: readonly PhaseNote[]): readonly PhaseNote[] {
  return entered.reduce<readonly PhaseNote[]>(
    (gone, one) => [...(gone.at(-1)?.phase === one.phase ? gone.slice(0, -1) : gone), one],
    phases,
  );
}
