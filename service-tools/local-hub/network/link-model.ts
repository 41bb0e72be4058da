/** What the road does to the pieces that travel on it. */
export interface LinkConditions {
  readonly delayMs: number;
  readonly jitterMs: number;
  /** How many of a hundred pieces stall, and for how long. */
  readonly stallPercent: number;
  readonly stallMs: number;
  /** Infinity where nothing limits it. */
  readonly bytesPerS: number;
}

export const unimpaired: LinkConditions = { delayMs: 0, jitterMs: 0, stallPercent: 0, stallMs: 0, bytesPerS: Infinity };

/** What is already on its way: when the last piece of it arrives, and when the sender is done with it. */
export interface InFlight {
  readonly lastArrivalMs: number;
  readonly busyUntilMs: number;
}

export const nothingInFlight: InFlight = { lastArrivalMs: 0, busyUntilMs: 0 };

/** When a piece that is sent now arrives: never before one that was sent earlier, since it is TCP that carries it. */
export function transmit(
  traffic: InFlight,
  road: LinkConditions,
  nowMs: number,
  bytes: number,
  random: () => number,
): InFlight {
  const sentMs = Math.max(nowMs, traffic.busyUntilMs) + (bytes * 1000) / road.bytesPerS;
  const stalledMs = random() * 100 < road.stallPercent ? road.stallMs : 0;
  const arrivalMs = sentMs + road.delayMs + road.jitterMs * random() + stalledMs;
  return { lastArrivalMs: Math.max(arrivalMs, traffic.lastArrivalMs), busyUntilMs: sentMs };
}
