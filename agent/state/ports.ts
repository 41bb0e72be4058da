import { describeDiskError } from "../lib/disk-errors.ts";

/** The file that the state is saved in. */
export interface StateFile<State> {
  /**
   * Makes a state survive a power cut: resolves only when it does. A rejected save leaves the state of the last
   * resolved one, or this one, on disk; never a mixture.
   */
  save(state: State): Promise<void>;
}

/** A decision on the saved state: the parts that change (none: nothing is written), and an answer. */
export interface Decision<State, Answer> {
  readonly change?: Partial<State> | undefined;
  /** The alert to raise while the disk refuses to save this change: for an outcome that must not be reported unsaved. */
  readonly unsavedAlert?: string | undefined;
  readonly answer: Answer;
}

/**
 * The saved state while the agent runs, and the only way to change it. Decisions are taken one at a time on the latest
 * state. A change is on disk before anybody sees it, so nobody acts on, or reports, what a restart would undo.
 * A part of the agent that needs one slice of the state takes a store of that slice: a store of the whole state is one.
 */
export interface StateStore<State> {
  readonly state: State;
  /** The last write error, from a failed save until one succeeds. */
  readonly lastWriteError: StateNotPersisted | undefined;
  /** Calls back after each change, in order, when it is on disk. Returns a function that unsubscribes. */
  onChange(listener: (state: State) => void): () => void;
  /** Resolves as soon as the saved state meets a test; rejects with the signal's reason when it aborts first. */
  until(test: (state: State) => boolean, signal: AbortSignal): Promise<State>;
  /**
   * Takes a decision on the latest state, saves what it changes, then answers.
   * Rejects with StateNotPersisted, and nothing changed, when the state cannot be saved.
   */
  transact<Answer>(decide: (state: State) => Decision<State, Answer>): Promise<Answer>;
  /**
   * Takes a decision that must not be lost: retries until it is saved, and decides anew at each attempt. Until then nothing
   * has changed, and its `unsavedAlert` is raised.
   * @returns its answer; undefined when the signal has aborted first
   */
  transactUntilSaved<Answer>(
    decide: (state: State) => Decision<State, Answer>,
    signal: AbortSignal,
  ): Promise<Answer | undefined>;
}

/** The state could not be saved, so nothing was changed. `cause` is the disk's error. */
export class StateNotPersisted extends Error {
  constructor(cause: unknown) {
    super(`The state could not be saved: ${describeDiskError(cause)}`, { cause });
    this.name = "StateNotPersisted";
  }
}

/** The action that a runner is running. */
export interface RunningAction<Action> {
  readonly action: Action;
  /** True when it was aborted, because the state demands another action by now. */
  readonly isAborted: boolean;
}
