import { formatDuration } from "../contract/duration.ts";

/*
 * Whether a wrong clock is why the hub refuses a board. The hub's own time is known from the Date header of an answer, which is
 * not authenticated: good for comparing only. An offset is this board's time minus the hub's, in milliseconds.
 */

/** How long a token is valid that the board signs for a connection. */
export const tokenLifetimeMs = 48 * 3_600_000;

/** Tokens and certificates still work when the clock is wrong by some minutes. */
const toleratedMs = 5 * 60_000;

/** Whether the clock is so far from the hub's that certificates or tokens may fail. */
export function isClockWrong(offsetMs: number): boolean {
  return Math.abs(offsetMs) > toleratedMs;
}

/**
 * Whether the hub refuses each token of a board with this offset: it is expired when it is signed. A clock that is ahead makes
 * tokens that are valid for longer, which no hub refuses.
 */
export function expiresTokens(offsetMs: number): boolean {
  return offsetMs < toleratedMs - tokenLifetimeMs;
}

/** The clock beside the hub's, to follow "this board's clock". */
export function describeOffset(offsetMs: number): string {
  if (!isClockWrong(offsetMs)) return "agrees with the hub's";
  const minutes = Math.round(Math.abs(offsetMs) / 60_000);
  return `is ${formatDuration(minutes * 60_000)} ${offsetMs > 0 ? "ahead of" : "behind"} the hub's`;
}
