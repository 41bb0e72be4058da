import { timestamp } from "./clock.ts";
import type { Runtime } from "./runtime.ts";

/** A board without a battery behind its clock learns the time from the network, or not at all. */
const patienceMs = 60_000;
const lookEveryMs = 1_000;

export interface TrustedTimestamp {
  readonly at: string;
  readonly clockSynchronized: boolean;
}

/**
 * Makes the time stamps of proofs: waits until the clock has been set, for at most a minute since the agent's start.
 * @param onLook told what was seen of the clock each time
 * @returns a function that resolves with the time, and whether it can be trusted
 */
export function trustedTimestampSource(
  { wallClock, bootClock, timer }: Runtime,
  onLook: (clockSynchronized: boolean) => void,
): (signal: AbortSignal) => Promise<TrustedTimestamp> {
  const untilMs = bootClock.nowMs() + patienceMs;
  return async (signal) => {
    for (;;) {
      const clockSynchronized = await wallClock.synchronized();
      onLook(clockSynchronized);
      if (clockSynchronized || bootClock.nowMs() >= untilMs) return { at: timestamp(wallClock), clockSynchronized };
      await timer.after(lookEveryMs, signal);
    }
  };
}
