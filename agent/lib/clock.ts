/**
 * Wall time, for labels: many boards have no battery-backed clock. Only maintenance windows and leases are decided by it, and
 * only while it is synchronized.
 */
export interface WallClock {
  now(): Date;
  /** True when a time server has set the clock since this boot. */
  synchronized(): Promise<boolean>;
}

/** Time since boot, from the kernel: it never steps, and starts at 0 with each boot. */
export interface BootClock {
  /** Whole milliseconds. */
  nowMs(): number;
}

export interface Timer {
  /** Resolves after a delay of any length (also months), or rejects with the signal's reason as soon as it aborts. */
  after(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** ISO 8601, 24 characters. */
export function timestamp(clock: WallClock): string {
  return clock.now().toISOString();
}
