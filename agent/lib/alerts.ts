/**
 * What is wrong with the agent and its board, as sentences for people. Some are found at the start and stay; the others are
 * raised and cleared while the agent runs. Reported as `problems` in the twin.
 */
export class Alerts {
  readonly #permanent: readonly string[];
  readonly #active = new Map<string, string>();
  readonly #listeners: (() => void)[] = [];

  constructor(found: readonly string[]) {
    this.#permanent = found;
  }

  /** The raised alerts, then those found at the start. */
  get messages(): readonly string[] {
    return [...this.#active.values(), ...this.#permanent];
  }

  /**
   * Raises the alert of a part, or replaces its sentence. Does nothing when the sentence is the same.
   * @returns whether it is new: worth a line in the log
   */
  raise(part: string, sentence: string): boolean {
    if (this.#active.get(part) === sentence) return false;
    this.#active.set(part, sentence);
    for (const listener of this.#listeners) listener();
    return true;
  }

  /** Clears the alert of a part. Returns whether there was one. */
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
