/* A token bucket that lets bytes through at a steady rate, with one second's worth at once. Pure: time is passed in. */

export interface TokenBucket {
  readonly bytesPerSecond: number;
  /** Below zero while bytes were taken that time has not paid for yet. */
  readonly tokens: number;
  readonly atMs: number;
}

/** @param bytesPerSecond 0 for no limit */
export function createBucket(bytesPerSecond: number, nowMs: number): TokenBucket {
  return { bytesPerSecond, tokens: bytesPerSecond, atMs: nowMs };
}

/** Takes bytes that have come, and says how long to wait before more may come. */
export function takeTokens(bucket: TokenBucket, bytes: number, nowMs: number): { bucket: TokenBucket; waitMs: number } {
  const { bytesPerSecond, atMs } = bucket;
  if (bytesPerSecond === 0) return { bucket, waitMs: 0 };
  const earned = ((nowMs - atMs) / 1_000) * bytesPerSecond;
  const tokens = Math.min(bytesPerSecond, bucket.tokens + earned) - bytes;
  const waitMs = tokens >= 0 ? 0 : Math.ceil((-tokens / bytesPerSecond) * 1_000);
  return { bucket: { bytesPerSecond, tokens, atMs: nowMs }, waitMs };
}
