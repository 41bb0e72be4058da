/** Holds whoever comes until a test lets go, and reports to the test that somebody has come. */
export class Gate {
  readonly reached: Promise<void>;
  #open: () => void = () => undefined;
  #markReached: () => void = () => undefined;
  readonly #opened: Promise<void>;

  constructor() {
    this.reached = new Promise((resolve) => (this.#markReached = resolve));
    this.#opened = new Promise((resolve) => (this.#open = resolve));
  }

  /** Reports that it was reached, and waits for the gate to open; rejects as soon as the signal aborts. */
  async pass(signal?: AbortSignal): Promise<void> {
    this.#markReached();
    const stopped = new Promise<never>((_resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    await Promise.race([this.#opened, stopped]);
  }

  open(): void {
    this.#open();
  }
}
