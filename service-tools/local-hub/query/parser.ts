import { TokenReader, unexpected, QuerySyntaxError } from "./lexer.ts";
import { resolvePath, collectionNames } from "./query.ts";
import type { AggregateName, CollectionName, Path, Projection, Query, BinaryOperator, Expression } from "./query.ts";
import type { Json } from "../lib/json.ts";
import { findFunction } from "./evaluate.ts";

const aggregateNames: readonly AggregateName[] = ["COUNT", "AVG", "SUM", "MIN", "MAX"];

/** Parses a query, or throws a QuerySyntaxError that says what is wrong and where. */
export function parseQuery(text: string): Query {
  // Paths in the SELECT list may begin with the name of the collection, which comes after them.
  const ahead = TokenReader.afterFrom(text);
  return new QueryParser(new TokenReader(text), ahead === undefined ? "devices" : collection(ahead)).query();
}

/** Parses the clauses of a query, in order. */
class QueryParser {
  readonly #tokens: TokenReader;
  readonly #from: CollectionName;

  constructor(tokens: TokenReader, from: CollectionName) {
    this.#tokens = tokens;
    this.#from = from;
  }

  query(): Query {
    const tokens = this.#tokens;
    tokens.expectWord("SELECT");
    const top = tokens.takeWord("TOP") ? this.#count() : undefined;
    const select = tokens.takeSymbol("*") ? "*" : this.#projections();
    tokens.expectWord("FROM");
    const from = collection(tokens);
    const where = tokens.takeWord("WHERE") ? new ExpressionParser(tokens, from).expression() : undefined;
    const groupBy = tokens.takeWord("GROUP") ? this.#groupBy() : [];
    const rest = tokens.peek();
    if (rest.kind !== "end") throw unexpected(rest);
    checkSelect(select, groupBy, from);
    return { top, select, from, where, groupBy };
  }

  #projections(): Projection[] {
    const projections: Projection[] = [];
    do projections.push(this.#projection(projections.length + 1));
    while (this.#tokens.takeSymbol(","));
    return projections;
  }

  #projection(position: number): Projection {
    const aggregate = this.#aggregateName();
    if (aggregate === undefined) {
      const path = this.#path();
      return { kind: "value", path, name: this.#alias() ?? path.segments.at(-1) ?? "" };
    }
    this.#tokens.expectSymbol("(");
    const path = aggregate === "COUNT" ? undefined : this.#path();
    this.#tokens.expectSymbol(")");
    return { kind: "aggregate", aggregate, path, name: this.#alias() ?? `$${position}` };
  }

  #aggregateName(): AggregateName | undefined {
    const { kind, text } = this.#tokens.peek();
    const name = aggregateNames.find((one) => one === text.toUpperCase());
    if (kind !== "word" || name === undefined || this.#tokens.peek(1).text !== "(") return undefined;
    this.#tokens.take();
    return name;
  }

  #alias(): string | undefined {
    if (!this.#tokens.takeWord("AS")) return undefined;
    const alias = this.#tokens.take();
    if (alias.kind !== "word" && alias.kind !== "escaped") throw unexpected(alias, "a name after AS");
    return alias.text;
  }

  #groupBy(): Path[] {
    this.#tokens.expectWord("BY");
    const paths: Path[] = [];
    do paths.push(this.#path());
    while (this.#tokens.takeSymbol(","));
    return paths;
  }

  #path(): Path {
    return resolvePath(this.#tokens.takePath(), this.#from);
  }

  #count(): number {
    const token = this.#tokens.take();
    if (token.kind === "number" && /^\d+$/.test(token.text)) return Number(token.text);
    throw unexpected(token, "a number after TOP");
  }
}

function collection(tokens: TokenReader): CollectionName {
  const { at } = tokens.peek();
  const name = tokens.takePath().join(".");
  const from = collectionNames.find((one) => one === name.toLowerCase());
  if (from !== undefined) return from;
  throw new QuerySyntaxError(`'${name}' is not one of ${collectionNames.join(", ")},`, at);
}

/** Checks the rules of the documentation for a SELECT list that are not part of the grammar. */
function checkSelect(select: Query["select"], groupBy: readonly Path[], from: CollectionName): void {
  if (from === "devices.jobs" && (select !== "*" || groupBy.length > 0)) {
    throw new QuerySyntaxError("devices.jobs takes neither projections nor aggregations,", 1);
  }
  if (select === "*") {
    if (groupBy.length > 0) throw new QuerySyntaxError("SELECT * cannot be grouped,", 1);
    return;
  }
  const aggregated = groupBy.length > 0 || select.some(({ kind }) => kind === "aggregate");
  const grouped = new Set(groupBy.map(({ segments }) => segments.join("\0")));
  for (const projection of aggregated ? select : []) {
    if (projection.kind !== "value" || grouped.has(projection.path.segments.join("\0"))) continue;
    throw new QuerySyntaxError(`'${projection.path.segments.join(".")}' is neither aggregated nor in GROUP BY,`, 1);
  }
}

const comparisons: readonly BinaryOperator[] = ["=", "!=", "<", ">", "<=", ">="];
const constants: ReadonlyMap<string, Json | undefined> = new Map<string, Json | undefined>([
  ["TRUE", true],
  ["FALSE", false],
  ["NULL", null],
  ["UNDEFINED", undefined],
]);

/** Parses the expression after WHERE, by recursive descent. Each method takes its own tokens and leaves the next to its caller. */
class ExpressionParser {
  readonly #tokens: TokenReader;
  readonly #from: CollectionName;

  constructor(tokens: TokenReader, from: CollectionName) {
    this.#tokens = tokens;
    this.#from = from;
  }

  expression(): Expression {
    return this.#chain(["OR"], () => this.#chain(["AND"], () => this.#not()));
  }

  #not(): Expression {
    if (!this.#tokens.takeWord("NOT")) return this.#comparison();
    return { kind: "not", operand: this.#tokens.nested(() => this.#not()) };
  }

  #comparison(): Expression {
    const left = this.#sum();
    const negated = this.#tokens.takeWord("NIN");
    if (negated || this.#tokens.takeWord("IN")) return { kind: "in", negated, value: left, options: this.#list() };
    if (this.#tokens.peekWords("NOT", "IN")) {
      this.#tokens.expectWord("NOT");
      this.#tokens.expectWord("IN");
      return { kind: "in", negated: true, value: left, options: this.#list() };
    }
    const { kind, text } = this.#tokens.peek();
    const operator = comparisons.find((one) => one === (text === "<>" ? "!=" : text));
    if (kind !== "symbol" || operator === undefined) return left;
    this.#tokens.take();
    return { kind: "binary", operator, left, right: this.#sum() };
  }

  #sum(): Expression {
    return this.#chain(["+", "-"], () => this.#chain(["*", "/", "%"], () => this.#unary()));
  }

  #unary(): Expression {
    if (this.#tokens.takeSymbol("-")) {
      return { kind: "negative", operand: this.#tokens.nested(() => this.#unary()) };
    }
    return this.#tokens.takeSymbol("+") ? this.#tokens.nested(() => this.#unary()) : this.#primary();
  }

  #primary(): Expression {
    const { kind, text } = this.#tokens.peek();
    if (this.#tokens.takeSymbol("(")) {
      const inner = this.#tokens.nested(() => this.expression());
      this.#tokens.expectSymbol(")");
      return inner;
    }
    if (kind === "symbol" && text === "[") return this.#arrayConstant();
    if (kind === "string" || kind === "number") {
      this.#tokens.take();
      return { kind: "constant", value: kind === "number" ? Number(text) : text };
    }
    if (kind === "word" && this.#tokens.peek(1).text === "(") return this.#call();
    if (kind !== "word" || !constants.has(text.toUpperCase())) return resolvePath(this.#tokens.takePath(), this.#from);
    this.#tokens.take();
    return { kind: "constant", value: constants.get(text.toUpperCase()) };
  }

  #call(): Expression {
    const { text: name, at } = this.#tokens.take();
    const known = findFunction(name);
    if (known === undefined) throw new QuerySyntaxError(`there is no function '${name}',`, at);
    this.#tokens.expectSymbol("(");
    const operands: Expression[] = [];
    if (!this.#tokens.takeSymbol(")")) {
      do operands.push(this.#tokens.nested(() => this.expression()));
      while (this.#tokens.takeSymbol(","));
      this.#tokens.expectSymbol(")");
    }
    if (operands.length >= known.fewest && operands.length <= known.most) return { kind: "call", name, operands };
    throw new QuerySyntaxError(`${name} does not take ${operands.length} operands,`, at);
  }

  #arrayConstant(): Expression {
    const options = this.#list();
    const values = options.map((option): Json => (option.kind === "constant" ? (option.value ?? null) : null));
    return { kind: "constant", value: values };
  }

  /** `[a, b, …]`, constants only. */
  #list(): Expression[] {
    this.#tokens.expectSymbol("[");
    const items: Expression[] = [];
    do {
      const { at } = this.#tokens.peek();
      const item = constantOf(this.#tokens.nested(() => this.#unary()));
      if (item === undefined) throw new QuerySyntaxError("only constants are allowed in a list,", at);
      items.push(item);
    } while (this.#tokens.takeSymbol(","));
    this.#tokens.expectSymbol("]");
    return items;
  }

  #chain(operators: readonly BinaryOperator[], operand: () => Expression): Expression {
    let left = operand();
    for (;;) {
      const { kind, text } = this.#tokens.peek();
      const operator = operators.find((one) => one === text.toUpperCase());
      if (operator === undefined || (kind !== "word" && kind !== "symbol")) return left;
      this.#tokens.take();
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
