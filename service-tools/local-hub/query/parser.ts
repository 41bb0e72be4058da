import { TokenReader, unexpected } from "./cursor.ts";
import { ExpressionParser } from "./expressions.ts";
import { QuerySyntaxError } from "./lexer.ts";
import { resolvePath } from "./paths.ts";
import { collectionNames } from "./query.ts";
import type { AggregateName, CollectionName, Path, Projection, Query } from "./query.ts";

const aggregateNames: readonly AggregateName[] = ["COUNT", "AVG", "SUM", "MIN", "MAX"];

/** Understands a query, or throws a QuerySyntaxError that says what is wrong and where. */
export function parseQuery(text: string): Query {
  // Paths in the SELECT list may begin with the name of a collection that is only said after it.
  const ahead = TokenReader.afterFrom(text);
  return new QueryParser(new TokenReader(text), ahead === undefined ? "devices" : collection(ahead)).query();
}

/** The clauses of a query, in their order. */
class QueryParser {
  readonly #cursor: TokenReader;
  readonly #from: CollectionName;

  constructor(cursor: TokenReader, from: CollectionName) {
    this.#cursor = cursor;
    this.#from = from;
  }

  query(): Query {
    const cursor = this.#cursor;
    cursor.expectWord("SELECT");
    const top = cursor.takeWord("TOP") ? this.#count() : undefined;
    const select = cursor.takeSymbol("*") ? "*" : this.#projections();
    cursor.expectWord("FROM");
    const from = collection(cursor);
    const where = cursor.takeWord("WHERE") ? new ExpressionParser(cursor, from).expression() : undefined;
    const groupBy = cursor.takeWord("GROUP") ? this.#groupBy() : [];
    const rest = cursor.peek();
    if (rest.kind !== "end") throw unexpected(rest);
    checkSelect(select, groupBy, from);
    return { top, select, from, where, groupBy };
  }

  #projections(): Projection[] {
    const projections: Projection[] = [];
    do projections.push(this.#projection(projections.length + 1));
    while (this.#cursor.takeSymbol(","));
    return projections;
  }

  #projection(position: number): Projection {
    const aggregate = this.#aggregateName();
    if (aggregate === undefined) {
      const path = this.#path();
      return { kind: "value", path, name: this.#alias() ?? path.segments.at(-1) ?? "" };
    }
    this.#cursor.expectSymbol("(");
    const path = aggregate === "COUNT" ? undefined : this.#path();
    this.#cursor.expectSymbol(")");
    return { kind: "aggregate", aggregate, path, name: this.#alias() ?? `$${position}` };
  }

  #aggregateName(): AggregateName | undefined {
    const { kind, text } = this.#cursor.peek();
    const name = aggregateNames.find((one) => one === text.toUpperCase());
    if (kind !== "word" || name === undefined || this.#cursor.peek(1).text !== "(") return undefined;
    this.#cursor.take();
    return name;
  }

  #alias(): string | undefined {
    if (!this.#cursor.takeWord("AS")) return undefined;
    const alias = this.#cursor.take();
    if (alias.kind !== "word" && alias.kind !== "escaped") throw unexpected(alias, "a name after AS");
    return alias.text;
  }

  #groupBy(): Path[] {
    this.#cursor.expectWord("BY");
    const paths: Path[] = [];
    do paths.push(this.#path());
    while (this.#cursor.takeSymbol(","));
    return paths;
  }

  #path(): Path {
    return resolvePath(this.#cursor.takePath(), this.#from);
  }

  #count(): number {
    const token = this.#cursor.take();
    if (token.kind === "number" && /^\d+$/.test(token.text)) return Number(token.text);
    throw unexpected(token, "a number after TOP");
  }
}

function collection(cursor: TokenReader): CollectionName {
  const { at } = cursor.peek();
  const written = cursor.takePath().join(".");
  const from = collectionNames.find((name) => name === written.toLowerCase());
  if (from !== undefined) return from;
  throw new QuerySyntaxError(`'${written}' is not one of ${collectionNames.join(", ")},`, at);
}

/** What the documentation rules out in a SELECT list beside its grammar. */
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
