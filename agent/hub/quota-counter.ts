/** Counts messages against the hub's daily quota, and connects. Pings and method calls are free. */
export type QuotaUse = "connects" | "twinReads" | "reports" | "messages";

/** Counts since the agent's start. */
export class QuotaCounter {
  readonly #counts: Record<QuotaUse, number> = { connects: 0, twinReads: 0, reports: 0, messages: 0 };

  count(use: QuotaUse): void {
    this.#counts[use] += 1;
  }

  get counts(): Readonly<Record<QuotaUse, number>> {
    return { ...this.#counts };
  }
}
