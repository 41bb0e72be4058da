import { hubKinds } from "./hub-kinds.ts";
import { imageKinds } from "./image-kinds.ts";
import type { FaultKind } from "./kind.ts";
import { methodKinds } from "./method-kinds.ts";
import { mqttKinds } from "./mqtt-kinds.ts";
import { networkKinds } from "./network-kinds.ts";
import { restKinds } from "./rest-kinds.ts";
import { twinKinds } from "./twin-kinds.ts";
import { valueError, defaultOf } from "./parameters.ts";
import type { Parameter, ParameterValue, ValueOf } from "./parameters.ts";

/** All the faults there are, by name. */
const catalog = {
  ...networkKinds,
  ...mqttKinds,
  ...twinKinds,
  ...methodKinds,
  ...restKinds,
  ...imageKinds,
  ...hubKinds,
};

export type FaultName = keyof typeof catalog;

/** What a fault of this name was given, defaults included. */
export type ParametersOf<N extends FaultName> = {
  readonly [P in keyof (typeof catalog)[N]["parameters"]]: (typeof catalog)[N]["parameters"][P] extends Parameter
    ? ValueOf<(typeof catalog)[N]["parameters"][P]>
    : never;
};

export function isFaultName(text: string): text is FaultName {
  return Object.hasOwn(catalog, text);
}

export function faultNames(): FaultName[] {
  return Object.keys(catalog).filter(isFaultName);
}

export function faultKind(name: FaultName): FaultKind {
  return catalog[name];
}

/** What was given, and the defaults for what was not. */
export function withDefaults(name: FaultName, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const defaults = Object.entries(faultKind(name).parameters).map(([key, parameter]): [string, ParameterValue] => [
    key,
    defaultOf(parameter),
  ]);
  return { ...Object.fromEntries(defaults), ...given };
}

/** Everything that is wrong with the parameters, one sentence each; none when they will do. */
export function parameterErrors(name: FaultName, values: Readonly<Record<string, unknown>>): string[] {
  const { parameters } = faultKind(name);
  const known = Object.keys(parameters);
  const has = known.length === 0 ? "none" : known.join(", ");
  const unknown = Object.keys(values).filter((key) => !known.includes(key));
  const wrong = Object.entries(parameters).flatMap(([key, parameter]) => {
    const why = valueError(parameter, values[key]);
    return why === undefined ? [] : [`${key} ${why}`];
  });
  return [...unknown.map((key) => `it has no parameter '${key}' (it has: ${has})`), ...wrong];
}

/** True for what has all of a fault's parameters, each in its range. */
export function hasValidParameters<N extends FaultName>(name: N, values: object): values is ParametersOf<N> {
  return parameterErrors(name, { ...values }).length === 0;
}
