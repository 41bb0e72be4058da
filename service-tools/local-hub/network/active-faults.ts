import type { FaultName, ParametersOf } from "../faults/catalog.ts";
import type { Location } from "../faults/fault-kind.ts";
import type { Faults } from "../faults/faults.ts";
import { unimpaired } from "./link-model.ts";
import type { LinkConditions } from "./link-model.ts";

export type Direction = "to-hub" | "to-client";

export interface Cut {
  /** How many of the bytes still pass. */
  readonly passing: number;
  readonly how: "reset" | "close";
}

/** The network faults that act on one connection. Asked for each piece of the stream, since faults begin and end. */
export class ActiveFaults {
  readonly #faults: Faults;
  readonly #connection: object;
  /** For each `cut-after` fault, how many bytes have passed under it. */
  readonly #passedBytes = new WeakMap<object, number>();
  location: Location;

  constructor(faults: Faults, connection: object, location: Location) {
    this.#faults = faults;
    this.#connection = connection;
    this.location = location;
  }

  /** Lets the faults that apply begin to act on the connection, without waiting for traffic. */
  attach(): void {
    for (const name of ["black-hole", "latency", "loss", "bandwidth", "cut-after"] as const) this.#active(name);
  }

  /** What happens to lost bytes in this direction (for ever, or until the fault ends); undefined when none are lost. */
  blackHole(direction: Direction): "dead" | "late" | undefined {
    return inDirection(this.#active("black-hole"), direction)?.after;
  }

  /** Returns the object `unimpaired` itself when no fault acts. */
  linkConditions(direction: Direction): LinkConditions {
    if (this.#faults.noneActive) return unimpaired;
    const latency = inDirection(this.#active("latency"), direction);
    const loss = inDirection(this.#active("loss"), direction);
    const bandwidth = inDirection(this.#active("bandwidth"), direction);
    if (latency === undefined && loss === undefined && bandwidth === undefined) return unimpaired;
    return {
      delayMs: latency?.delayMs ?? 0,
      jitterMs: latency?.jitterMs ?? 0,
      stallPercent: loss?.percent ?? 0,
      stallMs: loss?.stallMs ?? 0,
      bytesPerS: bandwidth?.bytesPerS ?? Infinity,
    };
  }

  /** Counts the bytes. Returns how the connection is to be cut, or undefined while it is not. */
  cutAfter(direction: Direction, bytes: number): Cut | undefined {
    const fault = inDirection(this.#active("cut-after"), direction);
    if (fault === undefined) return undefined;
    const before = this.#passedBytes.get(fault) ?? 0;
    this.#passedBytes.set(fault, before + bytes);
    return before + bytes <= fault.bytes ? undefined : { passing: Math.max(0, fault.bytes - before), how: fault.how };
  }

  #active<N extends FaultName>(name: N): ParametersOf<N> | undefined {
    return this.#faults.activeFor(name, this.#connection, this.location);
  }
}

function inDirection<F extends { readonly direction: Direction | "both" }>(
  fault: F | undefined,
  direction: Direction,
): F | undefined {
  return fault?.direction === "both" || fault?.direction === direction ? fault : undefined;
}
