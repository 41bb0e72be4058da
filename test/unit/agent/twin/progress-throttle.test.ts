import { describe, expect, it } from "vitest";
import { isProgressDue } from "../../../../agent/twin/progress-throttle.ts";

describe("progress is worth a patch", () => {
  const last = { atMs: 1_000, receivedBytes: 10 };
  it.each<[string, number, number, number | null, boolean]>([
    ["neither long nor much", 4_999, 1, 100, false],
    ["much, but not long", 4_999, 99, 100, false],
    ["long, but not much", 5_000, 4, 100, false],
    ["long and much", 5_000, 5, 100, true],
    ["very long", 60_000, 0, 100, true],
    ["long, of an unknown size", 5_000, 99, null, false],
    ["very long, of an unknown size", 60_000, 99, null, true],
  ])("%s", (_what, elapsedMs, newBytes, totalBytes, due) => {
    const now = { atMs: last.atMs + elapsedMs, receivedBytes: last.receivedBytes + newBytes, totalBytes };
    expect(isProgressDue(last, now)).toBe(due);
  });
});
