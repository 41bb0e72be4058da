import { choice, defaultOf, kinds, randomValue, range, valueError } from "./fault-kind.ts";
import type { FaultKind, Parameter, ParameterValue, ValueOf } from "./fault-kind.ts";
import { imageKinds } from "./image-kinds.ts";
import { methodKinds } from "./method-kinds.ts";
import { mqttKinds } from "./mqtt-kinds.ts";
import { networkKinds } from "./network-kinds.ts";
import { restKinds } from "./rest-kinds.ts";
import { twinKinds } from "./twin-kinds.ts";

/** Faults of the hub as a whole. */
const hubKinds = kinds({
  restart: {
    summary:
      "All connections end and the ports are closed for some time; then the hub is back, with its sessions or without.",
    like: "a failover or an update of IoT Hub, a crash of the local hub",
    on: ["mqtt", "websockets", "rest"],
    acts: "now",
    forOne: false,
    parameters: {
      downMs: range(0, 86_400_000, [0, 5_000], 1_000),
      how: choice("close", "reset"),
      sessions: choice("kept", "lost"),
    },
  },
});

/** All faults, by name. */
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

/** The parameters of a fault of this name, defaults included. */
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

/** The given values, with defaults for the others. */
export function withDefaults(name: FaultName, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const defaults = Object.entries(faultKind(name).parameters).map(([key, parameter]): [string, ParameterValue] => [
    key,
    defaultOf(parameter),
  ]);
  return { ...Object.fromEntries(defaults), ...given };
}

/** Everything that is wrong with the values, one sentence each; empty when they are valid. */
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

/** True when the values include all of the fault's parameters, each in its range. */
export function hasValidParameters<N extends FaultName>(name: N, values: object): values is ParametersOf<N> {
  return parameterErrors(name, { ...values }).length === 0;
}

export interface RandomFault {
  readonly name: FaultName;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
}

/** One of these faults, with parameters in their usual ranges. `random` returns a number from 0 up to, but not including, 1. */
export function randomFault(random: () => number, among: readonly FaultName[] = faultNames()): RandomFault {
  const name = among[Math.floor(random() * among.length)];
  if (name === undefined) throw new Error("Cannot choose a random fault: the list of names is empty.");
  const values = Object.entries(faultKind(name).parameters).map(([key, parameter]): [string, ParameterValue] => [
    key,
    randomValue(parameter, random),
  ]);
  return { name, parameters: Object.fromEntries(values) };
}
