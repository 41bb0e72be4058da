/** Something under way in the agent that has to move, or that rightly waits. */
export interface Work {
  /** What it is, for people. */
  readonly name: string;
  /** Another text than at the last look: it has moved. */
  readonly sign: string;
  /** How long it may go without moving; null where it waits for something outside, for as long as that takes. */
  readonly boundMs: number | null;
}

/** What was seen of each work: its sign, and since when it has had it. */
export type Seen = ReadonlyMap<string, { readonly sign: string; readonly sinceMs: number }>;

export interface Stuck {
  readonly name: string;
  /** For how long it has not moved. */
  readonly stillMs: number;
}

/**
 * Compares the work under way with what was seen of it before. Nothing is stuck that was not looked at twice, however
 * long ago the last look was.
 */
export function look(before: Seen, works: readonly Work[], nowMs: number): { seen: Seen; stuck: readonly Stuck[] } {
  const seen = new Map<string, { sign: string; sinceMs: number }>();
  const stuck: Stuck[] = [];
  for (const { name, sign, boundMs } of works) {
    const last = before.get(name);
    const sinceMs = last?.sign === sign ? last.sinceMs : nowMs;
    seen.set(name, { sign, sinceMs });
    if (boundMs !== null && nowMs - sinceMs > boundMs) stuck.push({ name, stillMs: nowMs - sinceMs });
  }
  return { seen, stuck };
}
