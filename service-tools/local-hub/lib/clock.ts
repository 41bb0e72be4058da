/** The hub's source of time. Tests pass their own. */
export interface Clock {
  /** Wall time, in milliseconds since 1970. */
  nowMs(): number;
  /** Calls `act` once, `delayMs` from now; the delay may be of any length. Returns a function that cancels it. */
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

/** ISO 8601 in UTC, the format of times in twins and identities. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** .NET's DateTime.MinValue: IoT Hub's value for "never". */
export const NEVER = "0001-01-01T00:00:00Z";
