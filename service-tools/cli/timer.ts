import { setTimeout as sleep } from "node:timers/promises";

/** Time as it passes: pauses, and how long something took. Wall time is only for labels. */
export interface Timer {
  /** Monotonic. */
  nowMs(): number;
  /** Resolves after the pause. Rejects at once when the signal aborts. */
  after(delayMs: number, signal: AbortSignal): Promise<void>;
  /** Does something again and again, until it is told to stop. Never keeps the process alive by itself. */
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
