export interface ProgressPolicy {
  readonly minIntervalMs: number;
  readonly minShare: number;
  readonly maxIntervalMs: number;
}

/** Each patch counts against the hub's quota, so progress is sent when enough time has passed and enough has arrived. */
export const progressPolicy: ProgressPolicy = { minIntervalMs: 5_000, minShare: 0.05, maxIntervalMs: 60_000 };

/** A reason for a delay is told at once where it is another than the one told last, but no more often than this. */
const leastDelayIntervalMs = 5_000;

/** The reason that was told last; null when the last report had none. */
export interface SentDelay {
  /** When a reason was last told at once. */
  readonly atMs: number;
  readonly reason: { readonly code: string; readonly message: string } | null;
}

/**
 * True when the reason for a delay is worth a patch of its own: somebody waits for it, and the next progress may be a minute
 * away. The same words with other numbers (bytes so far) are the same reason. An end of a delay can wait: bytes tell of it.
 */
export function isDelayDue(last: SentDelay, delay: SentDelay["reason"], nowMs: number): boolean {
  if (delay === null || nowMs - last.atMs < leastDelayIntervalMs) return false;
  return last.reason === null || last.reason.code !== delay.code || words(last.reason.message) !== words(delay.message);
}

function words(message: string): string {
  return message.replaceAll(/\d+/g, "0");
}

export interface SentProgress {
  readonly atMs: number;
  readonly receivedBytes: number;
}

/** True when progress is worth a patch: `minIntervalMs` and `minShare` since the last one, or `maxIntervalMs` alone. */
export function isProgressDue(
  last: SentProgress,
  now: SentProgress & { readonly totalBytes: number | null },
  policy: ProgressPolicy = progressPolicy,
): boolean {
  const elapsedMs = now.atMs - last.atMs;
  if (elapsedMs >= policy.maxIntervalMs) return true;
  if (elapsedMs < policy.minIntervalMs || now.totalBytes === null) return false;
  return now.receivedBytes - last.receivedBytes >= policy.minShare * now.totalBytes;
}
