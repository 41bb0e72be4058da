/* When to send and when to wait: pure policies with time and chance passed in. */

export interface ProgressPolicy {
  readonly leastMs: number;
  readonly leastShare: number;
  readonly mostMs: number;
}

/** Each patch counts against the hub's quota: progress is worth one when enough of time and image has passed. */
export const progressPolicy: ProgressPolicy = { leastMs: 5_000, leastShare: 0.05, mostMs: 60_000 };

export interface Sent {
  readonly atMs: number;
  readonly receivedBytes: number;
}

/** True when progress is worth a patch: so long and so much since the last one, or long enough by itself. */
export function isProgressDue(
  last: Sent,
  now: Sent & { readonly totalBytes: number | null },
  policy: ProgressPolicy = progressPolicy,
): boolean {
  const elapsedMs = now.atMs - last.atMs;
  if (elapsedMs >= policy.mostMs) return true;
  if (elapsedMs < policy.leastMs || now.totalBytes === null) return false;
  return now.receivedBytes - last.receivedBytes >= policy.leastShare * now.totalBytes;
}

/** The shortest and the longest a board waits before it connects again, and how long a connection must have held. */
export const backoff = { leastMs: 1_000, mostMs: 60_000, steadyMs: 30_000 } as const;

/**
 * How long to wait before the next attempt: full jitter, so that a fleet does not come back as one wave.
 * @param failures attempts and short connections since the last steady one, from 1
 * @param random in [0, 1)
 */
export function backoffMs(failures: number, random: number): number {
  const ceiling = Math.min(backoff.mostMs, backoff.leastMs * 2 ** Math.min(failures, 30));
  return Math.round(backoff.leastMs + random * (ceiling - backoff.leastMs));
}
