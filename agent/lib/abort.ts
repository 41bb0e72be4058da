/** One of a kind at a time: whoever comes next ends the one before, and stopping the agent ends the last. */
export class Latest {
  readonly #stopping: AbortSignal;
  #present = new AbortController();

  constructor(stopping: AbortSignal) {
    this.#stopping = stopping;
    stopping.addEventListener("abort", () => this.#present.abort(), { once: true });
  }

  /** A signal for the next one, which aborts when it is overtaken. */
  next(): AbortSignal {
    this.#present.abort();
    this.#present = new AbortController();
    if (this.#stopping.aborted) this.#present.abort();
    return this.#present.signal;
  }
}
