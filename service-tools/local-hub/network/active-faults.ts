import type { FaultName, ParametersOf } from "../faults/catalogue.ts";
import type { Faults } from "../faults/faults.ts";
import type { Location } from "../faults/scope.ts";
import { unimpaired } from "./link-model.ts";
import type { LinkConditions } from "./link-model.ts";

export type Direction = "to-hub" | "to-client";

export interface Cut {
  readonly passing: number;
  readonly how: "reset" | "close";
}

/** What the faults that are on do to one connection: asked for each piece that travels, since they come and go. */
export class ActiveFaults {
  readonly #faults: Faults;
  readonly #connection: object;
  /** How many bytes have passed under each fault that counts them. */
  readonly #counted = new WeakMap<object, number>();
  location: Location;

  constructor(faults: Faults, connection: object, where: Location) {
    this.#faults = faults;
    this.#connection = connection;
    this.location = where;
  }

  /** Lets those faults take hold that now can, without waiting for something to travel. */
  attach(): void {
    for (const name of ["black-hole", "latency", "loss", "bandwidth", "cut-after"] as const) this.#active(name);
  }

  /** What becomes of what vanishes in this direction, or undefined when nothing does. */
  blackHole(direction: Direction): "dead" | "late" | undefined {
    return inDirection(this.#active("black-hole"), direction)?.after;
  }

  /** Always the same object when nothing is the matter. */
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

  /** How many of these bytes still pass before the connection is cut, and how it is; undefined when it is not. */
  cutAfter(direction: Direction, bytes: number): Cut | undefined {
    const fault = inDirection(this.#active("cut-after"), direction);
    if (fault === undefined) return undefined;
    const before = this.#counted.get(fault) ?? 0;
    this.#counted.set(fault, before + bytes);
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
