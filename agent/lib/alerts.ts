/**
 * What is wrong with the agent and its board, as sentences for people: what was found at its start and stays, and what comes
 * and goes while it runs.
 */
export class Alerts {
  readonly #permanent: readonly string[];
  readonly #active = new Map<string, string>();
  readonly #listeners: (() => void)[] = [];

  constructor(found: readonly string[]) {
    this.#permanent = found;
  }

  /** What is wrong now, before what was wrong at the start. */
  get messages(): readonly string[] {
    return [...this.#active.values(), ...this.#permanent];
  }

  /**
   * Something is wrong with a part. Told again in the same words, nothing happens.
   * @returns whether it is news: worth a line in the log
   */
  raise(part: string, sentence: string): boolean {
    if (this.#active.get(part) === sentence) return false;
    this.#active.set(part, sentence);
    for (const listener of this.#listeners) listener();
    return true;
  }

  /** A part is in order again. Returns whether that is news. */
  clear(part: string): boolean {
    const wasThere = this.#active.delete(part);
    if (wasThere) for (const listener of this.#listeners) listener();
    return wasThere;
  }

  has(part: string): boolean {
    return this.#active.has(part);
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }
}
