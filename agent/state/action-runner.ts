import type { RunningAction } from "./ports.ts";

/**
 * Runs the action that the present state demands, one at a time. When the state demands another one, the running action is
 * aborted, and has ended before the next one begins.
 */
export class ActionRunner<Action> {
  #wanted: { readonly key: string; readonly action: Action } | undefined;
  #running: { readonly key: string; readonly action: Action; readonly abort: AbortController } | undefined;
  #ended: Promise<void> = Promise.resolve();
  #done: string | undefined;
  #stopped = false;
  readonly #keyOf: (action: Action) => string;
  readonly #perform: (action: Action, signal: AbortSignal) => Promise<void>;

  /**
   * @param keyOf identifies an action: one with the same key is not started again
   * @param perform runs the action and submits its result; never rejects; ends soon after its signal aborts
   */
  constructor(keyOf: (action: Action) => string, perform: (action: Action, signal: AbortSignal) => Promise<void>) {
    this.#keyOf = keyOf;
    this.#perform = perform;
  }

  /** Sets what the state demands now; undefined for nothing. A finished action runs again only after another was wanted. */
  setWanted(action: Action | undefined): void {
    if (this.#stopped) return;
    this.#wanted = action === undefined ? undefined : { key: this.#keyOf(action), action };
    if (this.#wanted?.key !== this.#done) this.#done = undefined;
    if (this.#running === undefined) this.#begin();
    else if (this.#running.key !== this.#wanted?.key) this.#running.abort.abort();
  }

  /** The running action; `isAborted` when it was aborted. Undefined when nothing runs. */
  get running(): RunningAction<Action> | undefined {
    if (this.#running === undefined) return undefined;
    return { action: this.#running.action, isAborted: this.#running.abort.signal.aborted };
  }

  /** Stops the running action and begins no other. Resolves when it has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wanted = undefined;
    this.#running?.abort.abort();
    await this.#ended;
  }

  #begin(): void {
    if (this.#wanted === undefined || this.#wanted.key === this.#done) return;
    const { key, action } = this.#wanted;
    const abort = new AbortController();
    this.#running = { key, action, abort };
    this.#ended = this.#perform(action, abort.signal).then(() => {
      this.#running = undefined;
      if (this.#wanted?.key === key && !abort.signal.aborted) this.#done = key; // An aborted action is not finished.
      this.#begin();
    });
  }
}
