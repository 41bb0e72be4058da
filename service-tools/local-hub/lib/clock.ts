/** What the hub knows of time. Tests pass a clock of their own. */
export interface Clock {
  /** Wall time, in milliseconds since 1970. */
  nowMs(): number;
  /** Runs `act` once, `delayMs` from now, however long that is; the answer takes it back. */
  after(delayMs: number, act: () => void): () => void;
}

/** setTimeout holds a signed 32-bit number of milliseconds: a longer delay would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  after(delayMs, act) {
    let timer: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      const stepMs = Math.min(leftMs, LONGEST_TIMER_MS);
      timer = setTimeout(() => (leftMs > stepMs ? arm(leftMs - stepMs) : act()), stepMs);
    };
    arm(Math.max(0, delayMs));
    return () => clearTimeout(timer);
  },
};

/** ISO 8601 in UTC, as the hub writes times into twins and identities. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** What .NET calls DateTime.MinValue: how IoT Hub says "never". */
export const NEVER = "0001-01-01T00:00:00Z";
