import { setTimeout as sleep } from "node:timers/promises";

/** Passing time: pauses, and how long something took. Wall time is only for labels. */
export interface Timer {
  /** Milliseconds on a monotonic clock. */
  nowMs(): number;
  /** Resolves after the delay. Rejects at once when the signal aborts. */
  after(delayMs: number, signal: AbortSignal): Promise<void>;
  /** Calls `act` every `periodMs` until stopped. Does not keep the process alive. */
  every(periodMs: number, act: () => void): { stop(): void };
}

export const systemTimer: Timer = {
  nowMs: () => performance.now(),
  after: async (delayMs, signal) => {
    await sleep(delayMs, undefined, { signal });
  },
  every: (periodMs, act) => {
    const interval = setInterval(act, periodMs);
    interval.unref();
    return { stop: () => clearInterval(interval) };
  },
};

/** Pauses. @throws the reason of the signal once it is aborted: Interrupted after Ctrl-C */
export async function pause(delayMs: number, timer: Timer, interrupted: AbortSignal): Promise<void> {
  try {
    await timer.after(delayMs, interrupted);
  } catch (cause) {
    interrupted.throwIfAborted();
    throw cause;
  }
}
