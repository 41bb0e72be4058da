/**
 * Does what the present state demands, one duty at a time. When the state demands something else, the running duty is
 * told to stop and has ended before the next one begins.
 */
export class Pursuit<Duty> {
  #wanted: { readonly key: string; readonly duty: Duty } | undefined;
  #running: { readonly key: string; readonly duty: Duty; readonly abort: AbortController } | undefined;
  #ended: Promise<void> = Promise.resolve();
  #done: string | undefined;
  #stopped = false;
  readonly #keyOf: (duty: Duty) => string;
  readonly #perform: (duty: Duty, signal: AbortSignal) => Promise<void>;

  /**
   * @param keyOf the same text for duties that are one and the same: setting it again does not begin it again
   * @param perform does the duty and submits what came of it; never rejects; ends soon after its signal aborts
   */
  constructor(keyOf: (duty: Duty) => string, perform: (duty: Duty, signal: AbortSignal) => Promise<void>) {
    this.#keyOf = keyOf;
    this.#perform = perform;
  }

  /** Sets what the state demands now; undefined for nothing. A duty that is done is not done again until another was wanted. */
  want(duty: Duty | undefined): void {
    if (this.#stopped) return;
    this.#wanted = duty === undefined ? undefined : { key: this.#keyOf(duty), duty };
    if (this.#wanted?.key !== this.#done) this.#done = undefined;
    if (this.#running === undefined) this.#begin();
    else if (this.#running.key !== this.#wanted?.key) this.#running.abort.abort();
  }

  /** The duty that is being done; `isEnding` when it has been told to stop. Undefined where nothing is left to do. */
  get underWay(): { readonly duty: Duty; readonly isEnding: boolean } | undefined {
    if (this.#running === undefined) return undefined;
    return { duty: this.#running.duty, isEnding: this.#running.abort.signal.aborted };
  }

  /** Stops the running duty and begins no other. Resolves when it has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wanted = undefined;
    this.#running?.abort.abort();
    await this.#ended;
  }

  #begin(): void {
    if (this.#wanted === undefined || this.#wanted.key === this.#done) return;
    const { key, duty } = this.#wanted;
    const abort = new AbortController();
    this.#running = { key, duty, abort };
    this.#ended = this.#perform(duty, abort.signal).then(() => {
      this.#running = undefined;
      if (this.#wanted?.key === key && !abort.signal.aborted) this.#done = key; // One that was stopped is not done.
      this.#begin();
    });
  }
}
