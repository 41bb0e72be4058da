import { backoffMs } from "../lib/backoff.ts";
import type { ErrorCode } from "../contract/codes.ts";

/*
 * How often, where and until when a download is tried again: decisions without a clock or chance of their own. Times are
 * milliseconds of the boot clock, which no time server moves.
 */

/** The waits between two tries of one address, with full jitter: a fleet does not come back as one wave. */
const retryLimits = { firstMs: 1_000, capMs: 600_000 } as const;
/** So many new bytes make a try worth it: a server that lets out a few at a time does not keep the waits short. */
const worthwhileBytes = 256 * 1_024;
/** How often a download begins at its first byte before it is given up: each time costs the whole image once more. */
export const maxStartOvers = 20;

/** One of the addresses that an image is fetched from. */
export interface Mirror {
  readonly uri: string;
  readonly tries: number;
  /** Tries since the last worthwhile one. */
  readonly failures: number;
  /** Not asked before this moment. */
  readonly readyAtMs: number;
  /** True once it was found to be of no use: the others go on without it. */
  readonly abandoned: boolean;
}

export function createMirrors(uris: readonly string[]): Mirror[] {
  return uris.map((uri) => ({ uri, tries: 0, failures: 0, readyAtMs: 0, abandoned: false }));
}

/** The address to ask next: the one that may be asked first, and among those that may, the one after the last. */
export function nextMirror(addresses: readonly Mirror[], last: number, nowMs: number): number | undefined {
  let best: number | undefined;
  let bestMs = Infinity;
  for (let step = 1; step <= addresses.length; step += 1) {
    const index = (last + step) % addresses.length;
    const address = addresses[index];
    if (address === undefined || address.abandoned) continue;
    const readyAtMs = Math.max(address.readyAtMs, nowMs);
    if (readyAtMs < bestMs) [best, bestMs] = [index, readyAtMs];
  }
  return best;
}

/** A try that has come to nothing for now. */
export interface FailedAttempt {
  /** New bytes beyond what was ever on disk. */
  readonly gainedBytes: number;
  /** What the server has asked for; null when it has not. */
  readonly retryAfterMs: number | null;
}

export interface RetryContext {
  readonly nowMs: number;
  /** How long this job has been fetching, while the agent ran. */
  readonly elapsedMs: number;
  readonly deadlineMs: number;
  /** In [0, 1). */
  readonly random: number;
}

/** The address after a setback: waits, but never past the deadline, which the last try is made at. */
export function scheduleRetry(address: Mirror, setback: FailedAttempt, patience: RetryContext): Mirror {
  const failures = setback.gainedBytes >= worthwhileBytes ? 1 : address.failures + 1;
  const leftMs = Math.max(0, patience.deadlineMs - patience.elapsedMs);
  const waitMs = Math.min(
    Math.max(backoffMs(retryLimits, failures, patience.random), setback.retryAfterMs ?? 0),
    leftMs,
  );
  return { ...address, failures, readyAtMs: patience.nowMs + waitMs };
}

/** True when no other try is to begin: the time is up, and every address that is left was asked at least once. */
export function deadlinePassed(addresses: readonly Mirror[], elapsedMs: number, deadlineMs: number): boolean {
  return elapsedMs >= deadlineMs && addresses.every(({ tries, abandoned: ended }) => ended || tries > 0);
}

/**
 * True when a try that is under way has to end, although bytes come. A deadline of 0 is for one try, however long it takes.
 */
export function mustAbortAttempt(elapsedMs: number, deadlineMs: number): boolean {
  return deadlineMs > 0 && elapsedMs >= deadlineMs;
}

/** What a failed try means for the rest: `again` here, `ended` for this address, `final` for the whole job. */
export function errorOutcome(code: ErrorCode): "retry" | "abandon" | "fatal" {
  if (code === "unreachable") return "retry";
  return mirrorErrors.has(code) ? "abandon" : "fatal";
}

const mirrorErrors: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "bad-address",
  "bad-size",
  "http-status",
  "image-too-large",
  "insecure-address",
  "insecure-redirect",
  "too-many-redirects",
]);
