import type { Failure } from "../contract/failure.ts";
import { describeDiskError } from "../lib/disk-errors.ts";

/** Where the state is saved. */
export interface StateFile<State> {
  /**
   * Makes a state survive a power cut: resolves only when it does. A rejected save leaves the state of the last
   * resolved one, or this one, on disk; never a mixture.
   */
  save(state: State): Promise<void>;
}

/** What a decision on the saved state comes to: the parts that change (none: nothing is written), and an answer. */
export interface Decision<State, Answer> {
  readonly change?: Partial<State> | undefined;
  /** The alert that stands while the disk refuses to save this change: for an outcome that must not be reported before. */
  readonly unsavedAlert?: string | undefined;
  readonly answer: Answer;
}

/**
 * The saved state while the agent runs, and the only way to change it. Decisions are taken one at a time on the latest
 * state; a change is on disk before anybody learns of it, so nobody can act on, or tell, what a restart would undo.
 * Whoever needs one part of the state asks for a store of that part: a store of the whole state is one.
 */
export interface StateStore<State> {
  readonly state: State;
  /** What the disk has said last, from a refused save until one works again. */
  readonly lastWriteError: StateNotPersisted | undefined;
  /** Calls back after each change, in order, when it is on disk. Returns how to stop that. */
  onChange(listener: (state: State) => void): () => void;
  /** Resolves as soon as the saved state meets a test; rejects with the signal's reason when it aborts first. */
  until(test: (state: State) => boolean, signal: AbortSignal): Promise<State>;
  /**
   * Takes a decision on the latest state, saves what it changes, then answers.
   * Rejects with StateNotPersisted, and nothing changed, when the state cannot be saved.
   */
  transact<Answer>(decide: (state: State) => Decision<State, Answer>): Promise<Answer>;
  /**
   * Takes a decision that must not be lost, anew at each try for as long as the disk refuses to save it. Until it is saved
   * nothing has changed; its `unsavedAlert` stands meanwhile.
   * @returns its answer; undefined when the signal has aborted first
   */
  transactUntilSaved<Answer>(
    decide: (state: State) => Decision<State, Answer>,
    signal: AbortSignal,
  ): Promise<Answer | undefined>;
}

/** A state could not be saved, so nothing was changed. `cause` is what the disk said. */
export class StateNotPersisted extends Error {
  constructor(cause: unknown) {
    super(`The state could not be saved: ${describeDiskError(cause)}`, { cause });
    this.name = "NotSaved";
  }
}

/**
 * The alert about an outcome that the disk has not taken yet. It is not reported as a phase before it is saved, since an agent
 * that starts anew would not know of it.
 * @param what what has ended, as a sentence begins: "Update op-1"
 */
export function unsavedOutcomeAlert(what: string, end: { readonly phase: string; readonly error?: Failure }): string {
  const { phase, error } = end;
  return error === undefined
    ? `${what} ends as ${phase} once that can be saved.`
    : `${what} ends as ${phase} (${error.code}) once that can be saved: ${error.message}`;
}
