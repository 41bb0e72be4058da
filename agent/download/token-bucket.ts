/* A token bucket: a steady byte rate with a burst of one second. Pure: time is passed in. */

export interface TokenBucket {
  readonly bytesPerSecond: number;
  /** Negative while more bytes were taken than the rate has earned. */
  readonly tokens: number;
  readonly atMs: number;
}

/** @param bytesPerSecond 0 for no limit */
export function createBucket(bytesPerSecond: number, nowMs: number): TokenBucket {
  return { bytesPerSecond, tokens: bytesPerSecond, atMs: nowMs };
}

/** Takes tokens for received bytes. Returns how long to wait before the next read. */
export function takeTokens(bucket: TokenBucket, bytes: number, nowMs: number): { bucket: TokenBucket; waitMs: number } {
  const { bytesPerSecond, atMs } = bucket;
  if (bytesPerSecond === 0) return { bucket, waitMs: 0 };
  const earned = ((nowMs - atMs) / 1_000) * bytesPerSecond;
  const tokens = Math.min(bytesPerSecond, bucket.tokens + earned) - bytes;
  const waitMs = tokens >= 0 ? 0 : Math.ceil((-tokens / bytesPerSecond) * 1_000);
  return { bucket: { bytesPerSecond, tokens, atMs: nowMs }, waitMs };
}
