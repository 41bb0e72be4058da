import type { Target } from "../lib/target.ts";

/** Where a fault can act: the hub's endpoints. WebSockets and REST share a port. */
export const endpoints = ["mqtt", "websockets", "rest", "images"] as const;
export type Endpoint = (typeof endpoints)[number];

/** What a fault is limited to. What is left out does not limit it. */
export interface Scope {
  readonly deviceId?: string;
  /** With `deviceId`: that module. Without: the device itself, and none of its modules. */
  readonly moduleId?: string;
  readonly on?: readonly Endpoint[];
}

/** Where something happens: at which endpoint (both of a shared port until it is known which), and for whom, once known. */
export interface Location {
  readonly endpoints: readonly Endpoint[];
  readonly target?: Target | undefined;
}

/** True when the scope includes the location. A scope with a device excludes connections whose device is not known yet. */
export function covers(scope: Scope, location: Location): boolean {
  const { deviceId, moduleId, on } = scope;
  if (on !== undefined && !on.some((endpoint) => location.endpoints.includes(endpoint))) return false;
  if (deviceId === undefined) return true;
  return location.target?.deviceId === deviceId && location.target.moduleId === moduleId;
}

/** The description of a fault: for people to read, for programs to choose from at random, for tests to walk over. */
export interface FaultKind {
  /** What happens on the wire. */
  readonly summary: string;
  /** What it stands for in the field, and where that is documented. */
  readonly like: string;
  /** The endpoints that it can act on. */
  readonly on: readonly Endpoint[];
  /**
   * How it acts: `now` once, when it is added, on the open connections; `port` on everybody while it is on; `connection` on
   * each connection from its first hit until the fault ends; `occasion` each time that something happens.
   */
  readonly acts: "now" | "port" | "connection" | "occasion";
  /** Whether it can be limited to one device or module. */
  readonly forOne: boolean;
  readonly parameters: Readonly<Record<string, Parameter>>;
}

/** Keeps the exact type of each kind, so that the parameters of a fault are known by its name. */
export function kinds<const K extends Readonly<Record<string, FaultKind>>>(described: K): K {
  return described;
}

/** A number. The unit is in the parameter's name. */
export interface NumberParameter {
  readonly min: number;
  readonly max: number;
  /** The range for random values. */
  readonly usual: readonly [number, number];
  readonly byDefault: number;
}

/** One of several words; the first is the default. */
export interface ChoiceParameter<W extends string = string> {
  readonly words: readonly [W, ...W[]];
}

export type Parameter = NumberParameter | ChoiceParameter;

export function range(min: number, max: number, usual: readonly [number, number], byDefault: number): NumberParameter {
  return { min, max, usual, byDefault };
}

export function choice<const W extends string>(...words: readonly [W, ...W[]]): ChoiceParameter<W> {
  return { words };
}

export type ParameterValue = number | string;

/** The type of a parameter's value. */
export type ValueOf<P extends Parameter> = P extends ChoiceParameter<infer W> ? W : number;

export function defaultOf(parameter: Parameter): ParameterValue {
  return "words" in parameter ? parameter.words[0] : parameter.byDefault;
}

/** Why a value is not valid, or undefined when it is. */
export function valueError(parameter: Parameter, value: unknown): string | undefined {
  if ("words" in parameter) {
    if (parameter.words.some((word) => word === value)) return undefined;
    return `must be ${parameter.words.map((word) => `'${word}'`).join(" or ")}, not ${JSON.stringify(value)}`;
  }
  const { min, max } = parameter;
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return undefined;
  return `must be a whole number from ${min} to ${max}, not ${JSON.stringify(value)}`;
}

/** One of the usual values. `random` returns a number from 0 up to, but not including, 1. */
export function randomValue(parameter: Parameter, random: () => number): ParameterValue {
  if ("words" in parameter) {
    return parameter.words[Math.floor(random() * parameter.words.length)] ?? parameter.words[0];
  }
  const [least, most] = parameter.usual;
  return least + Math.floor(random() * (most - least + 1));
}
