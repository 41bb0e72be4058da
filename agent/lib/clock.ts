/** Wall time. It labels; it decides nothing: boards have no battery behind their clock. */
export interface WallClock {
  now(): Date;
  /** True when something trustworthy (NTP) has set the clock since this boot. */
  synchronized(): Promise<boolean>;
}

/** Time since boot, from the kernel: it never steps, and it starts anew with each boot id. */
export interface BootClock {
  /** Whole milliseconds. */
  nowMs(): number;
}

export interface Timer {
  /** Resolves after a delay, or rejects with the signal's reason as soon as it aborts. Any delay, months included. */
  after(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** ISO 8601, 24 characters. */
export function timestamp(clock: WallClock): string {
  return clock.now().toISOString();
}
