import type { Json } from "../json.ts";
import { findFunction } from "./functions.ts";
import { QuerySyntaxError, tokenize } from "./lexer.ts";
import type { Token } from "./lexer.ts";
import { resolvePath } from "./paths.ts";
import { collectionNames } from "./query.ts";
import type { AggregateName, BinaryOperator, CollectionName, Expression, Path, Projection, Query } from "./query.ts";

const aggregateNames: readonly AggregateName[] = ["COUNT", "AVG", "SUM", "MIN", "MAX"];

/** Understands a query, or throws a QuerySyntaxError that says what is wrong and where. */
export function parseQuery(text: string): Query {
  return new Parser(tokenize(text)).query();
}

/** Recursive descent; each method takes its tokens and leaves the next one to its caller. */
class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;
  #from: CollectionName = "devices";

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
    // Paths in the SELECT list may begin with the name of a collection that is only said after it.
    this.#from = this.#findFrom();
  }

  query(): Query {
    this.#keyword("SELECT");
    const top = this.#takeWord("TOP") ? this.#count() : undefined;
    const select = this.#takeSymbol("*") ? "*" : this.#projections();
    this.#keyword("FROM");
    const from = this.#collection();
    const where = this.#takeWord("WHERE") ? this.#expression() : undefined;
    const groupBy = this.#takeWord("GROUP") ? this.#groupBy() : [];
    const rest = this.#peek();
    if (rest.kind !== "end") throw unexpected(rest);
    refuseMixedSelect(select, groupBy, from);
    return { top, select, from, where, groupBy };
  }

  #findFrom(): CollectionName {
    const at = this.#tokens.findIndex(({ kind, text }) => kind === "word" && text.toUpperCase() === "FROM");
    if (at < 0) return "devices";
    this.#next = at + 1;
    const from = this.#collection();
    this.#next = 0;
    return from;
  }

  #collection(): CollectionName {
    const { at } = this.#peek();
    const written = this.#names().join(".");
    const from = collectionNames.find((name) => name === written.toLowerCase());
    if (from !== undefined) return from;
    throw new QuerySyntaxError(`'${written}' is not one of ${collectionNames.join(", ")},`, at);
  }

  #projections(): Projection[] {
    const projections: Projection[] = [];
    do projections.push(this.#projection(projections.length + 1));
    while (this.#takeSymbol(","));
    return projections;
  }

  #projection(position: number): Projection {
    const aggregate = this.#aggregateName();
    if (aggregate === undefined) {
      const path = this.#path();
      return { kind: "value", path, name: this.#alias() ?? path.segments.at(-1) ?? "" };
    }
    this.#symbol("(");
    const path = aggregate === "COUNT" ? undefined : this.#path();
    this.#symbol(")");
    return { kind: "aggregate", aggregate, path, name: this.#alias() ?? `$${position}` };
  }

  #aggregateName(): AggregateName | undefined {
    const [word, bracket] = [this.#peek(), this.#tokens[this.#next + 1]];
    const name = aggregateNames.find((one) => one === word.text.toUpperCase());
    if (word.kind !== "word" || name === undefined || bracket?.text !== "(") return undefined;
    this.#next += 1;
    return name;
  }

  #alias(): string | undefined {
    if (!this.#takeWord("AS")) return undefined;
    const alias = this.#take();
    if (alias.kind !== "word" && alias.kind !== "escaped") throw unexpected(alias, "a name after AS");
    return alias.text;
  }

  #groupBy(): Path[] {
    this.#keyword("BY");
    const paths: Path[] = [];
    do paths.push(this.#path());
    while (this.#takeSymbol(","));
    return paths;
  }

  #expression(): Expression {
    return this.#chain(["OR"], () => this.#chain(["AND"], () => this.#not()));
  }

  #not(): Expression {
    return this.#takeWord("NOT") ? { kind: "not", operand: this.#not() } : this.#comparison();
  }

  #comparison(): Expression {
    const left = this.#sum();
    const negated = this.#takeWord("NIN") || (this.#peekWords("NOT", "IN") && this.#takeWord("NOT"));
    if (negated) {
      this.#takeWord("IN");
      return { kind: "in", negated, value: left, options: this.#list() };
    }
    if (this.#takeWord("IN")) return { kind: "in", negated, value: left, options: this.#list() };
    const { kind, text } = this.#peek();
    const operator = kind === "symbol" ? comparisonOf(text) : undefined;
    if (operator === undefined) return left;
    this.#next += 1;
    return { kind: "binary", operator, left, right: this.#sum() };
  }

  #sum(): Expression {
    return this.#chain(["+", "-"], () => this.#chain(["*", "/", "%"], () => this.#unary()));
  }

  #unary(): Expression {
    if (this.#takeSymbol("-")) return { kind: "negative", operand: this.#unary() };
    return this.#takeSymbol("+") ? this.#unary() : this.#primary();
  }

  #primary(): Expression {
    const token = this.#peek();
    if (this.#takeSymbol("(")) {
      const inner = this.#expression();
      this.#symbol(")");
      return inner;
    }
    if (token.kind === "symbol" && token.text === "[") return this.#arrayConstant();
    if (token.kind === "string" || token.kind === "number") {
      this.#next += 1;
      return { kind: "constant", value: token.kind === "number" ? Number(token.text) : token.text };
    }
    if (token.kind === "word" && this.#tokens[this.#next + 1]?.text === "(") return this.#call();
    return this.#constantWord() ?? this.#path();
  }

  #constantWord(): Expression | undefined {
    for (const [word, value] of [
      ["true", true],
      ["false", false],
      ["null", null],
      ["undefined", undefined],
    ] as const) {
      if (this.#takeWord(word.toUpperCase())) return { kind: "constant", value };
    }
    return undefined;
  }

  #call(): Expression {
    const name = this.#take();
    const known = findFunction(name.text);
    if (known === undefined) throw new QuerySyntaxError(`there is no function '${name.text}',`, name.at);
    this.#symbol("(");
    const operands: Expression[] = [];
    if (!this.#takeSymbol(")")) {
      do operands.push(this.#expression());
      while (this.#takeSymbol(","));
      this.#symbol(")");
    }
    if (operands.length >= known.fewest && operands.length <= known.most)
      return { kind: "call", name: name.text, operands };
    throw new QuerySyntaxError(`${name.text} does not take ${operands.length} operands,`, name.at);
  }

  #arrayConstant(): Expression {
    const options = this.#list();
    const values = options.map((option): Json => (option.kind === "constant" ? (option.value ?? null) : null));
    return { kind: "constant", value: values };
  }

  /** `[a, b, …]`, of constants. */
  #list(): Expression[] {
    this.#symbol("[");
    const items: Expression[] = [];
    do {
      const { at } = this.#peek();
      const item = constantOf(this.#unary());
      if (item === undefined) throw new QuerySyntaxError("only constants are allowed in a list,", at);
      items.push(item);
    } while (this.#takeSymbol(","));
    this.#symbol("]");
    return items;
  }

  #path(): Path {
    return resolvePath(this.#names(), this.#from);
  }

  #names(): string[] {
    const names: string[] = [];
    do {
      const token = this.#take();
      if (token.kind !== "word" && token.kind !== "escaped") throw unexpected(token, "a property name");
      names.push(token.text);
    } while (this.#takeSymbol("."));
    return names;
  }

  #chain(operators: readonly BinaryOperator[], operand: () => Expression): Expression {
    let left = operand();
    for (;;) {
      const { kind, text } = this.#peek();
      const operator = operators.find((one) => one === text.toUpperCase());
      if (operator === undefined || (kind !== "word" && kind !== "symbol")) return left;
      this.#next += 1;
      left = { kind: "binary", operator, left, right: operand() };
    }
  }

  #count(): number {
    const token = this.#take();
    if (token.kind === "number" && /^\d+$/.test(token.text)) return Number(token.text);
    throw unexpected(token, "a number after TOP");
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? { kind: "end", text: "the end of the query", at: 0 };
  }

  #peekWords(...words: string[]): boolean {
    return words.every((word, offset) => {
      const token = this.#tokens[this.#next + offset];
      return token?.kind === "word" && token.text.toUpperCase() === word;
    });
  }

  #take(): Token {
    const token = this.#peek();
    this.#next += 1;
    return token;
  }

  #takeWord(word: string): boolean {
    if (!this.#peekWords(word)) return false;
    this.#next += 1;
    return true;
  }

  #takeSymbol(symbol: string): boolean {
    const { kind, text } = this.#peek();
    if (kind !== "symbol" || text !== symbol) return false;
    this.#next += 1;
    return true;
  }

  #keyword(word: string): void {
    if (!this.#takeWord(word)) throw unexpected(this.#peek(), word);
  }

  #symbol(symbol: string): void {
    if (!this.#takeSymbol(symbol)) throw unexpected(this.#peek(), `'${symbol}'`);
  }
}

function comparisonOf(text: string): BinaryOperator | undefined {
  if (text === "<>") return "!=";
  const comparisons: readonly BinaryOperator[] = ["=", "!=", "<", ">", "<=", ">="];
  return comparisons.find((one) => one === text);
}

function constantOf(expression: Expression): Expression | undefined {
  if (expression.kind === "constant") return expression;
  const { kind } = expression;
  if (kind !== "negative" || expression.operand.kind !== "constant") return undefined;
  const { value } = expression.operand;
  return typeof value === "number" ? { kind: "constant", value: -value } : undefined;
}

function unexpected({ text, kind, at }: Token, wanted?: string): QuerySyntaxError {
  const found = kind === "end" ? text : `'${text}'`;
  return new QuerySyntaxError(`unexpected ${found}${wanted === undefined ? "" : ` where ${wanted} is due,`}`, at);
}

/** What the documentation rules out in a SELECT list beside its grammar. */
function refuseMixedSelect(select: Query["select"], groupBy: readonly Path[], from: CollectionName): void {
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
