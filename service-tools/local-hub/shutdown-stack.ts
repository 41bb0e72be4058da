/**
 * What is to be undone when the hub stops, in the reverse order of its start: first nobody comes in any more, last the folder is given
 * free. One that fails does not keep the others from their turn.
 */
export class ShutdownStack {
  readonly #ends: (() => Promise<void>)[] = [];
  #running: Promise<void> | undefined;

  add(end: () => Promise<void>): void {
    this.#ends.push(end);
  }

  /** Does it once, however often it is asked for. */
  async run(): Promise<void> {
    this.#running ??= this.#runAll();
    return this.#running;
  }

  async #runAll(): Promise<void> {
    const failures: unknown[] = [];
    for (let end = this.#ends.pop(); end !== undefined; end = this.#ends.pop()) {
      try {
        await end();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw new AggregateError(failures, "The local hub did not stop cleanly.");
  }
}
