import { isJsonObject, ownProperty } from "../lib/json.ts";
import type { JsonObject, Json } from "../lib/json.ts";
import type { BinaryOperator, Expression, Path } from "./query.ts";

/**
 * The value of an expression for a document. A missing value is undefined, and undefined spreads: a comparison with it is
 * neither true nor false, and so is its negation. "Any constant different than Boolean true is considered as false".
 */
export function evaluate(expression: Expression, document: JsonObject): Value {
  switch (expression.kind) {
    case "constant":
      return expression.value;
    case "path":
      return valueAt(document, expression);
    case "not":
      return negated(evaluate(expression.operand, document));
    case "negative":
      return negative(evaluate(expression.operand, document));
    case "in":
      return isIn(expression, document);
    case "call":
      return findFunction(expression.name)?.apply(...expression.operands.map((one) => evaluate(one, document)));
    case "binary":
      return combine(expression.operator, evaluate(expression.left, document), () =>
        evaluate(expression.right, document),
      );
  }
}

export function valueAt(document: JsonObject, { segments }: Path): Value {
  let value: Value = document;
  for (const segment of segments) value = isJsonObject(value) ? ownProperty(value, segment) : undefined;
  return value;
}

function combine(operator: BinaryOperator, left: Value, right: () => Value): Value {
  switch (operator) {
    case "AND":
      return and(left, right());
    case "OR":
      return negated(and(negated(left), negated(right())));
    case "=":
      return equal(left, right());
    case "!=":
      return negated(equal(left, right()));
    case "<":
    case ">":
    case "<=":
    case ">=":
      return ordered(operator, left, right());
    case "+":
    case "-":
    case "*":
    case "/":
    case "%":
      return calculated(operator, left, right());
  }
}

function and(left: Value, right: Value): Value {
  if (left === false || right === false) return false;
  return left === true && right === true ? true : undefined;
}

function negated(value: Value): Value {
  return typeof value === "boolean" ? !value : undefined;
}

function negative(value: Value): Value {
  return typeof value === "number" ? -value : undefined;
}

/** "Comparisons are supported only between primitive types (no objects)". */
function equal(left: Value, right: Value): Value {
  if (!isComparable(left) || !isComparable(right)) return undefined;
  return left === right;
}

function isComparable(value: Value): boolean {
  return value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

function ordered(operator: "<" | ">" | "<=" | ">=", left: Value, right: Value): Value {
  const numbers = typeof left === "number" && typeof right === "number";
  const texts = typeof left === "string" && typeof right === "string";
  if (!numbers && !texts) return undefined;
  if (left === right) return operator.endsWith("=");
  return left < right === operator.startsWith("<");
}

function calculated(operator: "+" | "-" | "*" | "/" | "%", left: Value, right: Value): Value {
  if (typeof left !== "number" || typeof right !== "number") return undefined;
  switch (operator) {
    case "+":
      return finite(left + right);
    case "-":
      return finite(left - right);
    case "*":
      return finite(left * right);
    case "/":
      return finite(left / right);
    case "%":
      return finite(left % right);
  }
}

function isIn(expression: Expression & { kind: "in" }, document: JsonObject): Value {
  const value = evaluate(expression.value, document);
  if (!isComparable(value)) return undefined;
  const found = expression.options.some((option) => equal(value, evaluate(option, document)) === true);
  return found !== expression.negated;
}

/** A value in a query; undefined when the document does not have it. */
export type Value = Json | undefined;

interface QueryFunction {
  readonly fewest: number;
  readonly most: number;
  readonly apply: (...operands: Value[]) => Value;
}

const isPrimitive = (value: Value): boolean =>
  value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean";

function unary(apply: (value: Value) => Value): QueryFunction {
  return { fewest: 1, most: 1, apply };
}

/** A function of a number; undefined for anything else. */
function numeric(apply: (value: number) => number): QueryFunction {
  return unary((value) => (typeof value === "number" ? finite(apply(value)) : undefined));
}

function textual(apply: (text: string) => Value): QueryFunction {
  return unary((value) => (typeof value === "string" ? apply(value) : undefined));
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

/** The functions of iot-hub-devguide-query-language and iot-hub-devguide-routing-query-syntax, by their upper-case names. */
const functions: ReadonlyMap<string, QueryFunction> = new Map(
  Object.entries({
    IS_DEFINED: unary((value) => value !== undefined),
    IS_NULL: unary((value) => value === null),
    IS_BOOL: unary((value) => typeof value === "boolean"),
    IS_NUMBER: unary((value) => typeof value === "number"),
    IS_STRING: unary((value) => typeof value === "string"),
    IS_ARRAY: unary((value) => Array.isArray(value)),
    IS_OBJECT: unary((value) => isJsonObject(value)),
    IS_PRIMITIVE: unary(isPrimitive),
    AS_NUMBER: unary(asNumber),
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
