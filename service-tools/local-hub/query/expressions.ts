import type { Json } from "../lib/json.ts";
import type { TokenReader } from "./cursor.ts";
import { findFunction } from "./functions.ts";
import { QuerySyntaxError } from "./lexer.ts";
import { resolvePath } from "./paths.ts";
import type { BinaryOperator, CollectionName, Expression } from "./query.ts";

const comparisons: readonly BinaryOperator[] = ["=", "!=", "<", ">", "<=", ">="];
const constants: ReadonlyMap<string, Json | undefined> = new Map<string, Json | undefined>([
  ["TRUE", true],
  ["FALSE", false],
  ["NULL", null],
  ["UNDEFINED", undefined],
]);

/** Reads what may stand behind WHERE. Recursive descent; each method takes its tokens and leaves the next one to its caller. */
export class ExpressionParser {
  readonly #cursor: TokenReader;
  readonly #from: CollectionName;

  constructor(cursor: TokenReader, from: CollectionName) {
    this.#cursor = cursor;
    this.#from = from;
  }

  expression(): Expression {
    return this.#chain(["OR"], () => this.#chain(["AND"], () => this.#not()));
  }

  #not(): Expression {
    if (!this.#cursor.takeWord("NOT")) return this.#comparison();
    return { kind: "not", operand: this.#cursor.nested(() => this.#not()) };
  }

  #comparison(): Expression {
    const left = this.#sum();
    const negated = this.#cursor.takeWord("NIN");
    if (negated || this.#cursor.takeWord("IN")) return { kind: "in", negated, value: left, options: this.#list() };
    if (this.#cursor.peekWords("NOT", "IN")) {
      this.#cursor.expectWord("NOT");
      this.#cursor.expectWord("IN");
      return { kind: "in", negated: true, value: left, options: this.#list() };
    }
    const { kind, text } = this.#cursor.peek();
    const operator = comparisons.find((one) => one === (text === "<>" ? "!=" : text));
    if (kind !== "symbol" || operator === undefined) return left;
    this.#cursor.take();
    return { kind: "binary", operator, left, right: this.#sum() };
  }

  #sum(): Expression {
    return this.#chain(["+", "-"], () => this.#chain(["*", "/", "%"], () => this.#unary()));
  }

  #unary(): Expression {
    if (this.#cursor.takeSymbol("-")) {
      return { kind: "negative", operand: this.#cursor.nested(() => this.#unary()) };
    }
    return this.#cursor.takeSymbol("+") ? this.#cursor.nested(() => this.#unary()) : this.#primary();
  }

  #primary(): Expression {
    const { kind, text } = this.#cursor.peek();
    if (this.#cursor.takeSymbol("(")) {
      const inner = this.#cursor.nested(() => this.expression());
      this.#cursor.expectSymbol(")");
      return inner;
    }
    if (kind === "symbol" && text === "[") return this.#arrayConstant();
    if (kind === "string" || kind === "number") {
      this.#cursor.take();
      return { kind: "constant", value: kind === "number" ? Number(text) : text };
    }
    if (kind === "word" && this.#cursor.peek(1).text === "(") return this.#call();
    if (kind !== "word" || !constants.has(text.toUpperCase())) return resolvePath(this.#cursor.takePath(), this.#from);
    this.#cursor.take();
    return { kind: "constant", value: constants.get(text.toUpperCase()) };
  }

  #call(): Expression {
    const { text: name, at } = this.#cursor.take();
    const known = findFunction(name);
    if (known === undefined) throw new QuerySyntaxError(`there is no function '${name}',`, at);
    this.#cursor.expectSymbol("(");
    const operands: Expression[] = [];
    if (!this.#cursor.takeSymbol(")")) {
      do operands.push(this.#cursor.nested(() => this.expression()));
      while (this.#cursor.takeSymbol(","));
      this.#cursor.expectSymbol(")");
    }
    if (operands.length >= known.fewest && operands.length <= known.most) return { kind: "call", name, operands };
    throw new QuerySyntaxError(`${name} does not take ${operands.length} operands,`, at);
  }

  #arrayConstant(): Expression {
    const options = this.#list();
    const values = options.map((option): Json => (option.kind === "constant" ? (option.value ?? null) : null));
    return { kind: "constant", value: values };
  }

  /** `[a, b, …]`, of constants. */
  #list(): Expression[] {
    this.#cursor.expectSymbol("[");
    const items: Expression[] = [];
    do {
      const { at } = this.#cursor.peek();
      const item = constantOf(this.#cursor.nested(() => this.#unary()));
      if (item === undefined) throw new QuerySyntaxError("only constants are allowed in a list,", at);
      items.push(item);
    } while (this.#cursor.takeSymbol(","));
    this.#cursor.expectSymbol("]");
    return items;
  }

  #chain(operators: readonly BinaryOperator[], operand: () => Expression): Expression {
    let left = operand();
    for (;;) {
      const { kind, text } = this.#cursor.peek();
      const operator = operators.find((one) => one === text.toUpperCase());
      if (operator === undefined || (kind !== "word" && kind !== "symbol")) return left;
      this.#cursor.take();
      left = { kind: "binary", operator, left, right: operand() };
    }
  }
}

function constantOf(expression: Expression): Expression | undefined {
  if (expression.kind === "constant") return expression;
  const { kind } = expression;
  if (kind !== "negative" || expression.operand.kind !== "constant") return undefined;
  const { value } = expression.operand;
  return typeof value === "number" ? { kind: "constant", value: -value } : undefined;
}
