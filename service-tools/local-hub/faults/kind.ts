import type { Parameter } from "./parameters.ts";
import type { Endpoint } from "./scope.ts";

/** A kind of fault, described so that people can read it, programs can draw from it and tests can walk over it. */
export interface FaultKind {
  /** What happens on the wire. */
  readonly summary: string;
  /** What it stands for in the world, and where that is documented. */
  readonly like: string;
  /** The ways in that it can act on. */
  readonly on: readonly Endpoint[];
  /**
   * How it acts: `now` once, when it is added, on what is there; `port` on everybody, as long as it is on; `connection` takes hold
   * of connections and keeps them until it is switched off; `occasion` each time that something happens.
   */
  readonly acts: "now" | "port" | "connection" | "occasion";
  /** Whether it can be for one device or module alone. */
  readonly forOne: boolean;
  readonly parameters: Readonly<Record<string, Parameter>>;
}

/** Keeps the exact type of each kind, so that what a fault can be given is known by its name. */
export function kinds<const K extends Readonly<Record<string, FaultKind>>>(described: K): K {
  return described;
}
