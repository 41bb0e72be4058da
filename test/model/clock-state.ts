import type { AgentState } from "../../agent/operations/agent-state.ts";

/* The wall clock of a board, and the lease of its update: whether that has expired, and whether the board can know it. */

export interface Lease {
  /** A board without a battery-backed clock begins each boot without the time. */
  readonly clockAtBoot: "set" | "unset";
  /** Whether it expires when nothing else is left to happen, if it has not before. */
  readonly expiresInTheEnd: boolean;
}

export interface ClockState {
  /** A time server has set the clock since this boot. */
  readonly isSet: boolean;
  /** The time by which the update must begin has passed, whatever the clock says. */
  readonly isLeaseExpired: boolean;
  /** It passed before the update had begun: the update must not begin any more. */
  readonly isTooLate: boolean;
}

/** The `startBy` of the scenarios that have a lease. */
export const startBy = "2026-07-01T00:00:00.000Z";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** The clock of a board that has just booted. */
export function bootedClock(before: ClockState | undefined, lease: Lease | undefined): ClockState {
  const { isLeaseExpired = false, isTooLate = false } = before ?? {};
  return { isSet: lease?.clockAtBoot !== "unset", isLeaseExpired, isTooLate };
}

/** The lease expires now. */
export function expireLease(clock: ClockState, saved: AgentState | undefined): ClockState {
  const hasBegun = !["idle", "accepted", "downloading", "verifying", "staged"].includes(saved?.update.phase ?? "idle");
  return { ...clock, isLeaseExpired: true, isTooLate: !hasBegun };
}

/**
 * A reading of the clock. Each finds it stepped by a day, forward or back: beyond the lease, nothing may depend on it. A clock that
 * is not set is years behind.
 */
export function readClock({ isSet, isLeaseExpired }: ClockState, boots: number, reading: number): Date {
  const year = !isSet ? 1970 : isLeaseExpired ? 2027 : 2026;
  return new Date(Date.UTC(year, 0, 2) + boots * hourMs - (reading % 2) * dayMs);
}
