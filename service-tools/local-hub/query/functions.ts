import { isJsonObject } from "../lib/json.ts";
import type { Json } from "../lib/json.ts";

/** A value of a query: undefined is what a document does not have. */
export type Value = Json | undefined;

interface QueryFunction {
  readonly fewest: number;
  readonly most: number;
  readonly apply: (...operands: Value[]) => Value;
}

const isPrimitive = (value: Value): boolean =>
  value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean";

function one(apply: (value: Value) => Value): QueryFunction {
  return { fewest: 1, most: 1, apply };
}

/** Of a number; undefined of anything else. */
function numeric(apply: (value: number) => number): QueryFunction {
  return one((value) => (typeof value === "number" ? finite(apply(value)) : undefined));
}

function textual(apply: (text: string) => Value): QueryFunction {
  return one((value) => (typeof value === "string" ? apply(value) : undefined));
}

function twoTexts(apply: (text: string, part: string) => Value): QueryFunction {
  return {
    fewest: 2,
    most: 2,
    apply: (text, part) => (typeof text === "string" && typeof part === "string" ? apply(text, part) : undefined),
  };
}

const startsWith = twoTexts((text, part) => text.startsWith(part));
const endsWith = twoTexts((text, part) => text.endsWith(part));

/** The functions of iot-hub-devguide-query-language and of its routing sibling, by their upper-case names. */
const functions: ReadonlyMap<string, QueryFunction> = new Map(
  Object.entries({
    IS_DEFINED: one((value) => value !== undefined),
    IS_NULL: one((value) => value === null),
    IS_BOOL: one((value) => typeof value === "boolean"),
    IS_NUMBER: one((value) => typeof value === "number"),
    IS_STRING: one((value) => typeof value === "string"),
    IS_ARRAY: one((value) => Array.isArray(value)),
    IS_OBJECT: one((value) => isJsonObject(value)),
    IS_PRIMITIVE: one(isPrimitive),
    AS_NUMBER: one(asNumber),
    ABS: numeric(Math.abs),
    EXP: numeric(Math.exp),
    SQUARE: numeric((value) => value * value),
    CEILING: numeric(Math.ceil),
    FLOOR: numeric(Math.floor),
    SIGN: numeric(Math.sign),
    SQRT: numeric(Math.sqrt),
    POWER: {
      fewest: 2,
      most: 2,
      apply: (base, exponent) =>
        typeof base === "number" && typeof exponent === "number" ? finite(base ** exponent) : undefined,
    },
    LENGTH: textual((text) => text.length),
    LOWER: textual((text) => text.toLowerCase()),
    UPPER: textual((text) => text.toUpperCase()),
    STARTS_WITH: startsWith,
    STARTSWITH: startsWith,
    ENDS_WITH: endsWith,
    ENDSWITH: endsWith,
    CONTAINS: twoTexts((text, part) => text.includes(part)),
    INDEX_OF: twoTexts((text, part) => text.indexOf(part)),
    CONCAT: { fewest: 2, most: Number.POSITIVE_INFINITY, apply: concat },
    SUBSTRING: { fewest: 2, most: 3, apply: substring },
  } satisfies Record<string, QueryFunction>),
);

export function findFunction(name: string): QueryFunction | undefined {
  return functions.get(name.toUpperCase());
}

/** JSON has no infinity and no NaN. */
export function finite(value: number): Value {
  return Number.isFinite(value) ? value : undefined;
}

function asNumber(value: Value): Value {
  if (typeof value === "number") return value;
  if (typeof value !== "string" || value.trim() === "") return undefined;
  return finite(Number(value));
}

function concat(...texts: Value[]): Value {
  return texts.every((text) => typeof text === "string") ? texts.join("") : undefined;
}

/** "Starting at the specified character zero-based position and continues to the specified length, or to the end". */
function substring(text: Value, start: Value, length: Value): Value {
  if (typeof text !== "string" || typeof start !== "number") return undefined;
  if (length === undefined) return text.slice(Math.max(0, start));
  return typeof length === "number" ? text.slice(Math.max(0, start), Math.max(0, start) + length) : undefined;
}
