/**
 * Counts the writes of state and boot counter, for the watchdog: a write that fails and is retried is progress, one that does
 * not return is a stall.
 */
export class WriteActivity {
  #tries = 0;
  #running = 0;

  /** How many writes have ended, well or badly, and whether one is running. */
  get current(): { readonly tries: number; readonly isSaving: boolean } {
    return { tries: this.#tries, isSaving: this.#running > 0 };
  }

  /** Runs one write; returns its result or rethrows. */
  async track<T>(write: () => Promise<T>): Promise<T> {
    this.#running += 1;
    try {
      return await write();
    } finally {
      this.#running -= 1;
      this.#tries += 1;
    }
  }
}
