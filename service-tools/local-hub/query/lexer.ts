/** One token of a query. `at` is its position in the text, from 1. */
export interface Token {
  readonly kind: "word" | "escaped" | "string" | "number" | "symbol" | "end";
  readonly text: string;
  readonly at: number;
}

/** Why a query is not valid, and where. */
export class QuerySyntaxError extends Error {
  constructor(what: string, at: number) {
    super(`SQL query parse failed: ${what} at character ${at}`);
    this.name = "QuerySyntaxError";
  }
}

const patterns: readonly { kind: Token["kind"] | "space"; pattern: RegExp }[] = [
  { kind: "space", pattern: /\s+/y },
  { kind: "number", pattern: /0x[0-9a-f]+|\d+(\.\d*)?(e[+-]?\d+)?|\.\d+(e[+-]?\d+)?/iy },
  { kind: "word", pattern: /[\p{L}_$][\p{L}\p{N}_$]*/uy },
  // A property whose name is not a word: tags.[[my-tag]].
  { kind: "escaped", pattern: /\[\[((?:(?!\]\]).)+)\]\]/suy },
  { kind: "string", pattern: /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/suy },
  { kind: "symbol", pattern: /<>|!=|<=|>=|[=<>()[\],.*/%+-]/y },
];

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let position = 0;
  while (position < text.length) {
    const { kind, length } = matchAt(text, position);
    const found = text.slice(position, position + length);
    if (kind !== "space") tokens.push({ kind, text: valueOf(kind, found, position + 1), at: position + 1 });
    position += length;
  }
  tokens.push({ kind: "end", text: "the end of the query", at: text.length + 1 });
  return tokens;
}

function matchAt(text: string, position: number): { kind: Token["kind"] | "space"; length: number } {
  for (const { kind, pattern } of patterns) {
    pattern.lastIndex = position;
    const match = pattern.exec(text);
    if (match !== null) return { kind, length: match[0].length };
  }
  throw new QuerySyntaxError(`unexpected ${JSON.stringify(text[position])}`, position + 1);
}

function valueOf(kind: Token["kind"], found: string, at: number): string {
  if (kind === "escaped") return found.slice(2, -2);
  return kind === "string" ? unescape(found.slice(1, -1), at) : found;
}

/** "Allowed escapes: \', \", \\, \uXXXX" (iot-hub-devguide-query-language). */
function unescape(text: string, at: number): string {
  return text.replaceAll(/\\(u[0-9a-fA-F]{4}|.)/gsu, (whole, escape: string) => {
    if (escape.length === 5) return String.fromCodePoint(Number.parseInt(escape.slice(1), 16));
    if (`'"\\`.includes(escape)) return escape;
    throw new QuerySyntaxError(`the escape ${whole} is not allowed in a string,`, at);
  });
}

/** How deep parentheses, functions and signs may nest: deeper than real queries. Each level uses some of the parser's stack. */
const NESTING_LIMIT = 100;

/** Reads the tokens of a query one after the other. */
export class TokenReader {
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(text: string) {
    this.#tokens = tokenize(text);
  }

  /** A second reader, just after the first FROM of the query: the meaning of a SELECT list depends on the collection there. */
  static afterFrom(text: string): TokenReader | undefined {
    const reader = new TokenReader(text);
    const at = reader.#tokens.findIndex(({ kind, text: word }) => kind === "word" && word.toUpperCase() === "FROM");
    if (at < 0) return undefined;
    reader.#next = at + 1;
    return reader;
  }

  peek(ahead = 0): Token {
    return this.#tokens[this.#next + ahead] ?? { kind: "end", text: "the end of the query", at: 0 };
  }

  peekWords(...words: string[]): boolean {
    return words.every((word, ahead) => {
      const { kind, text } = this.peek(ahead);
      return kind === "word" && text.toUpperCase() === word;
    });
  }

  take(): Token {
    const token = this.peek();
    this.#next += 1;
    return token;
  }

  takeWord(word: string): boolean {
    if (!this.peekWords(word)) return false;
    this.#next += 1;
    return true;
  }

  takeSymbol(symbol: string): boolean {
    const { kind, text } = this.peek();
    if (kind !== "symbol" || text !== symbol) return false;
    this.#next += 1;
    return true;
  }

  expectWord(word: string): void {
    if (!this.takeWord(word)) throw unexpected(this.peek(), word);
  }

  expectSymbol(symbol: string): void {
    if (!this.takeSymbol(symbol)) throw unexpected(this.peek(), `'${symbol}'`);
  }

  /** A path: `a`, `a.b`, `a.[[b c]].d` … */
  takePath(): string[] {
    const names: string[] = [];
    do {
      const token = this.take();
      if (token.kind !== "word" && token.kind !== "escaped") throw unexpected(token, "a property name");
      names.push(token.text);
    } while (this.takeSymbol("."));
    return names;
  }

  /** Reads one level deeper: inside parentheses, after a NOT or a sign, or inside the brackets of a function. */
  nested<T>(read: () => T): T {
    this.#depth += 1;
    if (this.#depth > NESTING_LIMIT) {
      throw new QuerySyntaxError(`more than ${NESTING_LIMIT} levels are nested`, this.peek().at);
    }
    const value = read();
    this.#depth -= 1;
    return value;
  }
}

export function unexpected({ text, kind, at }: Token, wanted?: string): QuerySyntaxError {
  const found = kind === "end" ? text : `'${text}'`;
  return new QuerySyntaxError(wanted === undefined ? `unexpected ${found}` : `expected ${wanted}, found ${found}`, at);
}
