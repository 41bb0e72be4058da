import { describe, expect, it } from "vitest";
import { isDelayDue, isProgressDue } from "../../../../agent/twin/progress-throttle.ts";

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

describe("the reason for a delay is worth a patch", () => {
  const refused = { code: "unreachable", message: "https://a/x could not be reached: connect ECONNREFUSED." };
  const lost = (bytes: number): typeof refused => ({ code: "unreachable", message: `Lost after ${bytes} bytes.` });
  it.each<[string, number, typeof refused | null, typeof refused | null, boolean]>([
    ["the first one, at once", -Infinity, null, refused, true],
    ["none", -Infinity, refused, null, false],
    ["the same", 0, refused, refused, false],
    ["the same with another number", 0, lost(1_000), lost(52_000), false],
    ["another one", 0, refused, lost(1_000), true],
    ["the same words under another code", 0, refused, { ...refused, code: "http-status" }, true],
    ["another one just after the last", 5_001, refused, lost(1_000), false],
    ["the same after bytes had come, and the twin said so", 5_000, null, refused, true],
  ])("%s", (_what, atMs, reason, delay, due) => {
    expect(isDelayDue({ atMs, reason }, delay, 10_000)).toBe(due);
  });
});
