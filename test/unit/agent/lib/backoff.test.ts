import { expect, it } from "vitest";
import { backoff, backoffMs } from "../../../../agent/lib/backoff.ts";

const limits = { firstMs: 5_000, capMs: 60_000 };

it("the waits begin with the first, double, and stay at the cap", () => {
  const waits = backoff(limits);
  expect(Array.from({ length: 6 }, () => waits.next().value)).toStrictEqual([
    5_000, 10_000, 20_000, 40_000, 60_000, 60_000,
  ]);
});

it("grows by another factor where one is given", () => {
  expect(backoffMs({ firstMs: 10, capMs: 10_000, factor: 3 }, 2)).toBe(90);
});

it.each([
  [0, 5_000],
  [0.5, 12_500],
  [1, 20_000],
])("jitter %s lies between the first wait and the longest", (jitter, expectedMs) => {
  expect(backoffMs(limits, 2, jitter)).toBe(expectedMs);
});

it("stays at the cap after any number of failures", () => {
  expect(backoffMs(limits, 100_000)).toBe(60_000);
});
