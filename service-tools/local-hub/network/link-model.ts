/** What a link does to the pieces of a stream that cross it in one direction. */
export interface LinkConditions {
  readonly delayMs: number;
  readonly jitterMs: number;
  /** Of 100 pieces so many stall, each for `stallMs`. */
  readonly stallPercent: number;
  readonly stallMs: number;
  /** Infinity when the throughput is unlimited. */
  readonly bytesPerS: number;
}

export const unimpaired: LinkConditions = {
  delayMs: 0,
  jitterMs: 0,
  stallPercent: 0,
  stallMs: 0,
  bytesPerS: Infinity,
};

/** The pieces that are under way: when the last of them arrives, and until when the sender is busy. */
export interface InFlight {
  readonly lastArrivalMs: number;
  readonly busyUntilMs: number;
}

export const nothingInFlight: InFlight = { lastArrivalMs: 0, busyUntilMs: 0 };

/** Sends one piece now; `lastArrivalMs` of the result is its arrival. Never before an earlier piece: TCP keeps the order. */
export function transmit(
  inFlight: InFlight,
  link: LinkConditions,
  nowMs: number,
  bytes: number,
  random: () => number,
): InFlight {
  const sentMs = Math.max(nowMs, inFlight.busyUntilMs) + (bytes * 1000) / link.bytesPerS;
  const stalledMs = random() * 100 < link.stallPercent ? link.stallMs : 0;
  const arrivalMs = sentMs + link.delayMs + link.jitterMs * random() + stalledMs;
  return { lastArrivalMs: Math.max(arrivalMs, inFlight.lastArrivalMs), busyUntilMs: sentMs };
}
