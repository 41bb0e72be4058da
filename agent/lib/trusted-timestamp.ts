import { timestamp } from "./clock.ts";
import type { Runtime } from "./runtime.ts";

/** A board without a battery-backed clock gets the time from the network, or not at all. */
const waitAtMostMs = 60_000;
const pollMs = 1_000;

export interface TrustedTimestamp {
  readonly at: string;
  readonly clockSynchronized: boolean;
}

/**
 * Timestamps for proofs: waits until the clock is synchronized, but at most a minute since the agent's start.
 * @param onChecked gets the state of the clock at each check
 * @returns a function that resolves with the time, and whether the clock was synchronized
 */
export function trustedTimestampSource(
  { wallClock, bootClock, timer }: Runtime,
  onChecked: (clockSynchronized: boolean) => void,
): (signal: AbortSignal) => Promise<TrustedTimestamp> {
  const untilMs = bootClock.nowMs() + waitAtMostMs;
  return async (signal) => {
    for (;;) {
      const clockSynchronized = await wallClock.synchronized();
      onChecked(clockSynchronized);
      if (clockSynchronized || bootClock.nowMs() >= untilMs) return { at: timestamp(wallClock), clockSynchronized };
      await timer.after(pollMs, signal);
    }
  };
}
