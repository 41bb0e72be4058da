import { expect, it } from "vitest";
import { formatDuration } from "../../../../agent/lib/duration.ts";

it.each([
  [1_000, "1 s"],
  [90_000, "90 s"],
  [150_000, "2.5 min"],
  [3_600_000, "60 min"],
  [7_200_000, "2 h"],
  [86_400_000, "24 h"],
])("%i ms: %s", (ms, words) => {
  expect(formatDuration(ms)).toBe(words);
});
