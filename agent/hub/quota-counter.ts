/** What counts against the hub's daily quota, and how often a connection was made. Pings and method calls are free. */
export type Metered = "connects" | "twinReads" | "reports" | "messages";

/** Counts, since the agent's start. */
export class Meter {
  readonly #counts: Record<Metered, number> = { connects: 0, twinReads: 0, reports: 0, messages: 0 };

  count(what: Metered): void {
    this.#counts[what] += 1;
  }

  get counts(): Readonly<Record<Metered, number>> {
    return { ...this.#counts };
  }
}
