/** Exponential backoff: the waits grow from `firstMs` by `factor` up to `capMs`. */
export interface BackoffLimits {
  readonly firstMs: number;
  readonly capMs: number;
  /** 2 unless given. */
  readonly factor?: number;
}

/**
 * The wait after so many failures in a row, in whole milliseconds: between `firstMs` and `firstMs × factor ^ failures`, at
 * most `capMs`.
 * @param jitter in [0, 1): where between the two, so that a fleet does not come back as one wave. 1: the longest
 */
export function backoffMs({ firstMs, capMs, factor = 2 }: BackoffLimits, failures: number, jitter = 1): number {
  const longestMs = Math.min(capMs, firstMs * factor ** Math.min(failures, maxFailures));
  return Math.round(firstMs + jitter * (longestMs - firstMs));
}

/** Beyond these any wait has reached its cap; without a bound the power would overflow to Infinity. */
const maxFailures = 30;

/** The waits one after the other, without an end and without jitter: `firstMs` is the first. */
export function* backoff(limits: BackoffLimits): Generator<number, never> {
  for (let failures = 0; ; failures += 1) yield backoffMs(limits, failures);
}
