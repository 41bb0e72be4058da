export interface ProgressPolicy {
  readonly minIntervalMs: number;
  readonly minShare: number;
  readonly maxIntervalMs: number;
}

/** Each patch counts against the hub's quota, so progress is sent when enough time has passed and enough has arrived. */
export const progressPolicy: ProgressPolicy = { minIntervalMs: 5_000, minShare: 0.05, maxIntervalMs: 60_000 };

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
