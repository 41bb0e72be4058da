import type { FaultName, ParametersOf } from "../faults/catalogue.ts";
import type { Faults } from "../faults/faults.ts";
import type { Where } from "../faults/scope.ts";
import { clearRoad } from "./link-model.ts";
import type { Road } from "./link-model.ts";

export type Direction = "to-hub" | "to-client";

export interface Cut {
  readonly passing: number;
  readonly how: "reset" | "close";
}

/** What the faults that are on do to one connection: asked for each piece that travels, since they come and go. */
export class Conditions {
  readonly #faults: Faults;
  readonly #connection: object;
  /** How many bytes have passed under each fault that counts them. */
  readonly #counted = new WeakMap<object, number>();
  where: Where;

  constructor(faults: Faults, connection: object, where: Where) {
    this.#faults = faults;
    this.#connection = connection;
    this.where = where;
  }

  /** Lets those faults take hold that now can, without waiting for something to travel. */
  takeHold(): void {
    for (const name of ["black-hole", "latency", "loss", "bandwidth", "cut-after"] as const) this.#hold(name);
  }

  /** What becomes of what vanishes in this direction, or undefined when nothing does. */
  blackHole(direction: Direction): "dead" | "late" | undefined {
    return pointing(this.#hold("black-hole"), direction)?.after;
  }

  /** Always the same object when nothing is the matter. */
  road(direction: Direction): Road {
    if (this.#faults.none) return clearRoad;
    const latency = pointing(this.#hold("latency"), direction);
    const loss = pointing(this.#hold("loss"), direction);
    const bandwidth = pointing(this.#hold("bandwidth"), direction);
    if (latency === undefined && loss === undefined && bandwidth === undefined) return clearRoad;
    return {
      delayMs: latency?.delayMs ?? 0,
      jitterMs: latency?.jitterMs ?? 0,
      stallPercent: loss?.percent ?? 0,
      stallMs: loss?.stallMs ?? 0,
      bytesPerS: bandwidth?.bytesPerS ?? Infinity,
    };
  }

  /** How many of these bytes still pass before the connection is cut, and how it is; undefined when it is not. */
  cut(direction: Direction, bytes: number): Cut | undefined {
    const fault = pointing(this.#hold("cut-after"), direction);
    if (fault === undefined) return undefined;
    const before = this.#counted.get(fault) ?? 0;
    this.#counted.set(fault, before + bytes);
    return before + bytes <= fault.bytes ? undefined : { passing: Math.max(0, fault.bytes - before), how: fault.how };
  }

  #hold<N extends FaultName>(name: N): ParametersOf<N> | undefined {
    return this.#faults.hold(name, this.#connection, this.where);
  }
}

function pointing<F extends { readonly direction: Direction | "both" }>(
  fault: F | undefined,
  direction: Direction,
): F | undefined {
  return fault?.direction === "both" || fault?.direction === direction ? fault : undefined;
}
