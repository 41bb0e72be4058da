import { expect, it } from "vitest";
import { formatDuration } from "../../../../agent/contract/duration.ts";

it.each([
  [1_000, "1 s"],
  [30_000, "30 s"],
  [0, "0 s"],
  [45_000, "45 s"],
  [600_000, "10 min"],
  [5_400_000, "1 h 30 min"],
  [172_800_000, "2 d"],
  [90_061_000, "1 d 1 h"],
])("%i ms is %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});
