import { describe, expect, it } from "vitest";
import { backoff, backoffMs, isProgressDue } from "../../../../agent/hub/schedule.ts";

describe("progress is worth a patch", () => {
  const last = { atMs: 0, receivedBytes: 0 };
  it.each<[string, number, number, number | null, boolean]>([
    ["neither long nor much", 4_999, 1, 100, false],
    ["much, but not long", 4_999, 99, 100, false],
    ["long, but not much", 5_000, 4, 100, false],
    ["long and much", 5_000, 5, 100, true],
    ["very long", 60_000, 0, 100, true],
    ["long, of an unknown size", 5_000, 99, null, false],
    ["very long, of an unknown size", 60_000, 99, null, true],
  ])("%s", (_what, atMs, receivedBytes, totalBytes, due) => {
    expect(isProgressDue(last, { atMs, receivedBytes, totalBytes })).toBe(due);
  });
});

describe("backoff", () => {
  it.each([
    [1, 0, 1_000],
    [1, 1, 2_000],
    [3, 0.5, 4_500],
    [6, 1, 60_000],
    [1_000_000, 1, 60_000],
    [1_000_000, 0, 1_000],
  ])("after %i failures with chance %d: %i ms", (failures, random, delayMs) => {
    expect(backoffMs(failures, random)).toBe(delayMs);
  });

  it("never leaves its bounds", () => {
    for (let failures = 1; failures < 50; failures += 1) {
      for (const random of [0, 0.3, 0.999]) {
        const delayMs = backoffMs(failures, random);
        expect(delayMs).toBeGreaterThanOrEqual(backoff.leastMs);
        expect(delayMs).toBeLessThanOrEqual(backoff.mostMs);
      }
    }
  });
});
