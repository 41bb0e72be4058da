import { isJsonObject, ownProperty } from "../lib/json.ts";
import type { JsonObject } from "../lib/json.ts";
import { findFunction, finite } from "./functions.ts";
import type { Value } from "./functions.ts";
import type { BinaryOperator, Expression, Path } from "./query.ts";

/**
 * The value of an expression for a document. What a document does not have is undefined, and undefined spreads: a comparison
 * with it is neither true nor false, and so is its negation. "Any constant different than Boolean true is considered as false".
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
