import { describe, expect, it } from "vitest";
import { detectStalls, type ProgressHistory, type Activity } from "../../../../agent/watchdog/stall-detector.ts";

const install: Activity = { name: "update: install", progressMark: "a", stallLimitMs: 1_000 };

/** Checks one activity at each of the given times; returns the times at which it counted as stalled. */
function stalledAt(timesMs: readonly number[], activitiesAt: (timeMs: number) => readonly Activity[]): number[] {
  let seen: ProgressHistory = new Map();
  return timesMs.filter((timeMs) => {
    const found = detectStalls(seen, activitiesAt(timeMs), timeMs);
    ({ seen } = found);
    return found.stalled.length > 0;
  });
}

describe("work under way", () => {
  it("is stalled when its progress mark stays the same for longer than its stall limit", () => {
    expect(stalledAt([0, 500, 1_000, 1_001, 2_000], () => [install])).toEqual([1_001, 2_000]);
  });

  it("is not stalled while its progress mark changes", () => {
    expect(stalledAt([0, 900, 1_800, 2_700], (timeMs) => [{ ...install, progressMark: String(timeMs) }])).toEqual([]);
  });

  it("counts anew from each change of its progress mark", () => {
    const progressMark = (timeMs: number): string => (timeMs < 900 ? "a" : "b");
    expect(
      stalledAt([0, 899, 900, 1_900, 1_901], (timeMs) => [{ ...install, progressMark: progressMark(timeMs) }]),
    ).toEqual([1_901]);
  });

  it("counts anew when it was done and begins once more", () => {
    expect(stalledAt([0, 600, 1_200, 1_800], (timeMs) => (timeMs === 600 ? [] : [install]))).toEqual([]);
  });

  it("is never stalled while it may wait for ever", () => {
    expect(stalledAt([0, 1e12], () => [{ ...install, stallLimitMs: null }])).toEqual([]);
  });

  it("is not stalled at the first check, nor is anything stalled without activities", () => {
    expect(stalledAt([1e12], () => [install])).toEqual([]);
    expect(stalledAt([0, 1e12], () => [])).toEqual([]);
  });

  it("is reported by name, with how long it has not moved", () => {
    const { seen } = detectStalls(new Map(), [install, { ...install, name: "other", progressMark: "1" }], 0);
    const { stalled } = detectStalls(seen, [install, { ...install, name: "other", progressMark: "2" }], 5_000);
    expect(stalled).toEqual([{ name: "update: install", stalledMs: 5_000 }]);
  });
});
