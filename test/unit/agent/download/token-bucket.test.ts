import { expect, it } from "vitest";
import { createBucket, takeTokens } from "../../../../agent/download/token-bucket.ts";

it("lets a second's worth through at once, then as much as time has paid for", () => {
  let bucket = createBucket(1_000, 0);
  const after = (bytes: number, nowMs: number): number => {
    const taken = takeTokens(bucket, bytes, nowMs);
    ({ bucket } = taken);
    return taken.waitMs;
  };
  expect(after(1_000, 0)).toBe(0);
  expect(after(500, 0)).toBe(500);
  expect(after(0, 500)).toBe(0);
  expect(after(250, 500)).toBe(250);
  expect(after(1, 100_000)).toBe(0);
  expect(after(1_000, 100_000)).toBe(1);
});

it("lets everything through where there is no limit", () => {
  expect(takeTokens(createBucket(0, 0), 2 ** 40, 0).waitMs).toBe(0);
});

it("comes to its rate over time, whatever the pieces", () => {
  let bucket = createBucket(100_000, 0);
  let nowMs = 0;
  for (let sent = 0; sent < 10_000_000; sent += 16_384) {
    const taken = takeTokens(bucket, 16_384, nowMs);
    ({ bucket } = taken);
    nowMs += taken.waitMs;
  }
  expect(nowMs / 1_000).toBeGreaterThan(98);
  expect(nowMs / 1_000).toBeLessThan(100.5);
});
