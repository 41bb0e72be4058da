import { faultNames, faultKind } from "./catalogue.ts";
import type { FaultName } from "./catalogue.ts";
import type { ParameterValue } from "./parameters.ts";
import { randomValue } from "./parameters.ts";

/** A fault as chance would have it. */
export interface RandomFault {
  readonly name: FaultName;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
}

/** One of these faults, its parameters within their usual ranges. `random` answers from 0 up to, and never, 1. */
export function randomFault(random: () => number, among: readonly FaultName[] = faultNames()): RandomFault {
  const name = among[Math.floor(random() * among.length)];
  if (name === undefined) throw new Error("There is no fault to draw from.");
  const drawn = Object.entries(faultKind(name).parameters).map(([key, parameter]): [string, ParameterValue] => [
    key,
    randomValue(parameter, random),
  ]);
  return { name, parameters: Object.fromEntries(drawn) };
}
