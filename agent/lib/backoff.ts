const leastMs = 5_000;
const mostMs = 60_000;

/** How long to wait before each further try of what a disk refuses, in milliseconds, without an end. */
export function* retryWaits(): Generator<number> {
  for (let waitMs = leastMs; ; waitMs = Math.min(mostMs, waitMs * 2)) yield waitMs;
}
