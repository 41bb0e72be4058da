/**
 * What is wrong with the agent and its board, as sentences for people: what was found at its start and stays, and what comes
 * and goes while it runs.
 */
export class Problems {
  readonly #found: readonly string[];
  readonly #present = new Map<string, string>();
  readonly #listeners: (() => void)[] = [];

  constructor(found: readonly string[]) {
    this.#found = found;
  }

  /** What is wrong now, before what was wrong at the start. */
  get sentences(): readonly string[] {
    return [...this.#present.values(), ...this.#found];
  }

  /**
   * Something is wrong with a part. Told again in the same words, nothing happens.
   * @returns whether it is news: worth a line in the log
   */
  appears(part: string, sentence: string): boolean {
    if (this.#present.get(part) === sentence) return false;
    this.#present.set(part, sentence);
    for (const listener of this.#listeners) listener();
    return true;
  }

  /** A part is in order again. Returns whether that is news. */
  goesAway(part: string): boolean {
    const wasThere = this.#present.delete(part);
    if (wasThere) for (const listener of this.#listeners) listener();
    return wasThere;
  }

  has(part: string): boolean {
    return this.#present.has(part);
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }
}
