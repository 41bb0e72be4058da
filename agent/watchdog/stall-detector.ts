/** Something under way in the agent that has to progress, or may wait. */
export interface Activity {
  /** Its name, for people. */
  readonly name: string;
  /** Changes whenever the activity has progressed. */
  readonly progressMark: string;
  /** The longest time without progress; null where it may wait for ever. */
  readonly stallLimitMs: number | null;
}

/** The last check of each activity: its progress mark, and since when it has been the same. */
export type ProgressHistory = ReadonlyMap<string, { readonly progressMark: string; readonly sinceMs: number }>;

export interface StalledActivity {
  readonly name: string;
  /** The time without progress. */
  readonly stalledMs: number;
}

/**
 * Compares the activities with the last check. An activity is stalled only after two checks, however long ago the last one
 * was.
 */
export function detectStalls(
  before: ProgressHistory,
  activities: readonly Activity[],
  nowMs: number,
): { seen: ProgressHistory; stalled: readonly StalledActivity[] } {
  const seen = new Map<string, { progressMark: string; sinceMs: number }>();
  const stalled: StalledActivity[] = [];
  for (const { name, progressMark, stallLimitMs } of activities) {
    const previous = before.get(name);
    const sinceMs = previous?.progressMark === progressMark ? previous.sinceMs : nowMs;
    seen.set(name, { progressMark, sinceMs });
    if (stallLimitMs !== null && nowMs - sinceMs > stallLimitMs) stalled.push({ name, stalledMs: nowMs - sinceMs });
  }
  return { seen, stalled };
}
