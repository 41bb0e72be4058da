import { backoffMs } from "../lib/backoff.ts";

/*
 * Decides which mirror a download asks, when, and until when. Pure: time and chance are passed in. Times are milliseconds of
 * the boot clock, which no time server moves.
 */

/** Waits between two attempts at one mirror, with full jitter, so that a fleet does not retry at the same moment. */
const retryLimits = { firstMs: 1_000, capMs: 600_000 } as const;
/** New bytes that reset the backoff: a server that sends a few at a time must not keep the waits short. */
const worthwhileBytes = 256 * 1_024;
/** How often a download may start at its first byte again: each time costs the whole image. */
export const maxStartOvers = 20;

/** One of the addresses of an image. */
export interface Mirror {
  readonly uri: string;
  readonly tries: number;
  /** Attempts since the last one that made progress. */
  readonly failures: number;
  /** The earliest time of the next attempt. */
  readonly readyAtMs: number;
  /** True once the mirror cannot serve the image. */
  readonly abandoned: boolean;
}

export function createMirrors(uris: readonly string[]): Mirror[] {
  return uris.map((uri) => ({ uri, tries: 0, failures: 0, readyAtMs: 0, abandoned: false }));
}

/** The index of the next mirror: the one that may be asked first; among several, the one after the last. */
export function nextMirror(mirrors: readonly Mirror[], last: number, nowMs: number): number | undefined {
  let best: number | undefined;
  let bestMs = Infinity;
  for (let step = 1; step <= mirrors.length; step += 1) {
    const index = (last + step) % mirrors.length;
    const mirror = mirrors[index];
    if (mirror === undefined || mirror.abandoned) continue;
    const readyAtMs = Math.max(mirror.readyAtMs, nowMs);
    if (readyAtMs < bestMs) [best, bestMs] = [index, readyAtMs];
  }
  return best;
}

/** An attempt that failed, and may be retried. */
export interface FailedAttempt {
  /** New bytes, beyond the most that was ever on disk. */
  readonly gainedBytes: number;
  /** The server's `Retry-After`; null when it gave none. */
  readonly retryAfterMs: number | null;
}

export interface RetryContext {
  readonly nowMs: number;
  /** How long this job has been downloading, while the agent ran. */
  readonly elapsedMs: number;
  readonly deadlineMs: number;
  /** In [0, 1). */
  readonly random: number;
}

/** The mirror after a failed attempt. It never waits past the deadline, when the last attempt is made. */
export function scheduleRetry(mirror: Mirror, failed: FailedAttempt, context: RetryContext): Mirror {
  const failures = failed.gainedBytes >= worthwhileBytes ? 1 : mirror.failures + 1;
  const leftMs = Math.max(0, context.deadlineMs - context.elapsedMs);
  const waitMs = Math.min(Math.max(backoffMs(retryLimits, failures, context.random), failed.retryAfterMs ?? 0), leftMs);
  return { ...mirror, failures, readyAtMs: context.nowMs + waitMs };
}

/** Whether no further attempt starts: the deadline has passed, and each remaining mirror was asked at least once. */
export function deadlinePassed(mirrors: readonly Mirror[], elapsedMs: number, deadlineMs: number): boolean {
  return elapsedMs >= deadlineMs && mirrors.every(({ tries, abandoned }) => abandoned || tries > 0);
}

/**
 * Whether a running attempt must end although bytes arrive. A deadline of 0 allows one attempt of any length.
 */
export function mustAbortAttempt(elapsedMs: number, deadlineMs: number): boolean {
  return deadlineMs > 0 && elapsedMs >= deadlineMs;
}
