import { faultNames, kindOf } from "./catalogue.ts";
import type { FaultName } from "./catalogue.ts";
import type { Value } from "./parameters.ts";
import { drawValue } from "./parameters.ts";

/** A fault as chance would have it. */
export interface DrawnFault {
  readonly name: FaultName;
  readonly parameters: Readonly<Record<string, Value>>;
}

/** One of these faults, its parameters within their usual ranges. `random` answers from 0 up to, and never, 1. */
export function drawFault(random: () => number, among: readonly FaultName[] = faultNames()): DrawnFault {
  const name = among[Math.floor(random() * among.length)];
  if (name === undefined) throw new Error("There is no fault to draw from.");
  const drawn = Object.entries(kindOf(name).parameters).map(([key, parameter]): [string, Value] => [
    key,
    drawValue(parameter, random),
  ]);
  return { name, parameters: Object.fromEntries(drawn) };
}
