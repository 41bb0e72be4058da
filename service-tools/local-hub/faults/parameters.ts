/** A number that a fault can be given. The unit is in the parameter's name. */
export interface NumberParameter {
  readonly min: number;
  readonly max: number;
  /** What is worth trying, for whoever draws at random. */
  readonly usual: readonly [number, number];
  readonly byDefault: number;
}

/** One of some words; the first is the default. */
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

/** What a parameter of this kind holds. */
export type ValueOf<P extends Parameter> = P extends ChoiceParameter<infer W> ? W : number;

export function defaultOf(parameter: Parameter): ParameterValue {
  return "words" in parameter ? parameter.words[0] : parameter.byDefault;
}

/** What is wrong with a value, or undefined when it will do. */
export function valueError(parameter: Parameter, value: unknown): string | undefined {
  if ("words" in parameter) {
    if (parameter.words.some((word) => word === value)) return undefined;
    return `must be ${parameter.words.map((word) => `'${word}'`).join(" or ")}, not ${JSON.stringify(value)}`;
  }
  const { min, max } = parameter;
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return undefined;
  return `must be a whole number from ${min} to ${max}, not ${JSON.stringify(value)}`;
}

/** One of the usual values. `random` answers from 0 up to, and never, 1. */
export function randomValue(parameter: Parameter, random: () => number): ParameterValue {
  if ("words" in parameter) {
    return parameter.words[Math.floor(random() * parameter.words.length)] ?? parameter.words[0];
  }
  const [least, most] = parameter.usual;
  return least + Math.floor(random() * (most - least + 1));
}
