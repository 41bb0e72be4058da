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
