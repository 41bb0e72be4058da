import type { JsonObject } from "../contract/json.ts";
import { redact, truncateUtf8 } from "../contract/safe-text.ts";
import { diagnosisMessages, type Diagnosis } from "./reconnect-policy.ts";

/** The connection as it is now. Times are those of the boot clock, because a board's wall clock may be the very fault. */
export interface LinkStatus {
  readonly up: boolean;
  /** When it came up, or when it was lost; when the agent started, where it was never up. */
  readonly sinceMs: number;
  /** Why it is not up; null while it is up, or nothing is known yet. */
  readonly diagnosis: Diagnosis | null;
  /** How the last attempt, or the last connection, ended; null where none has ended since it came up. */
  readonly reason: string | null;
  /** Attempts that failed, and connections that were short, one after the other. */
  readonly failures: number;
  /** When the next attempt begins; null while it is up, or an attempt is under way. */
  readonly nextAttemptMs: number | null;
}

/** The connection, as `getStatus` answers it (`link`). */
export function formatLinkStatus(link: LinkStatus, nowMs: number): JsonObject {
  const { up, sinceMs, diagnosis, reason, failures, nextAttemptMs } = link;
  const seconds = (ms: number): number => Math.max(0, Math.round(ms / 1_000));
  return {
    up,
    forSeconds: seconds(nowMs - sinceMs),
    kind: diagnosis,
    diagnosis: diagnosis === null ? null : diagnosisMessages[diagnosis],
    reason: reason === null ? null : truncateUtf8(redact(reason), 300),
    failures,
    nextAttemptInSeconds: nextAttemptMs === null ? null : seconds(nextAttemptMs - nowMs),
  };
}
