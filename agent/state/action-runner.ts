/**
 * Does what the present state demands, one action at a time. When the state demands something else, the running action is
 * told to stop and has ended before the next one begins.
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
   * @param keyOf the same text for actions that are one and the same: setting it again does not begin it again
   * @param perform does the action and submits what came of it; never rejects; ends soon after its signal aborts
   */
  constructor(keyOf: (action: Action) => string, perform: (action: Action, signal: AbortSignal) => Promise<void>) {
    this.#keyOf = keyOf;
    this.#perform = perform;
  }

  /** Sets what the state demands now; undefined for nothing. A action that is done is not done again until another was wanted. */
  setWanted(action: Action | undefined): void {
    if (this.#stopped) return;
    this.#wanted = action === undefined ? undefined : { key: this.#keyOf(action), action };
    if (this.#wanted?.key !== this.#done) this.#done = undefined;
    if (this.#running === undefined) this.#begin();
    else if (this.#running.key !== this.#wanted?.key) this.#running.abort.abort();
  }

  /** The action that is being done; `isEnding` when it has been told to stop. Undefined where nothing is left to do. */
  get running(): { readonly action: Action; readonly isEnding: boolean } | undefined {
    if (this.#running === undefined) return undefined;
    return { action: this.#running.action, isEnding: this.#running.abort.signal.aborted };
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
      if (this.#wanted?.key === key && !abort.signal.aborted) this.#done = key; // One that was stopped is not done.
      this.#begin();
    });
  }
}
