/** Something under way in the agent that has to move, or that rightly waits. */
export interface Activity {
  /** What it is, for people. */
  readonly name: string;
  /** Another text than at the last look: it has moved. */
  readonly progressMark: string;
  /** How long it may go without moving; null where it waits for something outside, for as long as that takes. */
  readonly stallLimitMs: number | null;
}

/** What was seen of each work: its progress mark, and since when it has had it. */
export type ProgressHistory = ReadonlyMap<string, { readonly progressMark: string; readonly sinceMs: number }>;

export interface StalledActivity {
  readonly name: string;
  /** For how long it has not moved. */
  readonly stalledMs: number;
}

/**
 * Compares the work under way with what was seen of it before. Nothing is stuck that was not looked at twice, however
 * long ago the last look was.
 */
export function detectStalls(
  before: ProgressHistory,
  activities: readonly Activity[],
  nowMs: number,
): { seen: ProgressHistory; stuck: readonly StalledActivity[] } {
  const seen = new Map<string, { progressMark: string; sinceMs: number }>();
  const stuck: StalledActivity[] = [];
  for (const { name, progressMark, stallLimitMs } of activities) {
    const last = before.get(name);
    const sinceMs = last?.progressMark === progressMark ? last.sinceMs : nowMs;
    seen.set(name, { progressMark, sinceMs });
    if (stallLimitMs !== null && nowMs - sinceMs > stallLimitMs) stuck.push({ name, stalledMs: nowMs - sinceMs });
  }
  return { seen, stuck };
}
