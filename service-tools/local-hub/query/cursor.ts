import { QuerySyntaxError, tokenize } from "./lexer.ts";
import type { Token } from "./lexer.ts";

/** More parentheses, functions and signs within each other than anybody writes; each costs the parser some of its stack. */
const NESTING_LIMIT = 100;

/** A place in a query's tokens, which moves on as they are taken. */
export class TokenReader {
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(text: string) {
    this.#tokens = tokenize(text);
  }

  /** A cursor of its own, just behind the first FROM of the query: what a SELECT list means depends on what follows there. */
  static afterFrom(text: string): TokenReader | undefined {
    const cursor = new TokenReader(text);
    const at = cursor.#tokens.findIndex(({ kind, text: word }) => kind === "word" && word.toUpperCase() === "FROM");
    if (at < 0) return undefined;
    cursor.#next = at + 1;
    return cursor;
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

  /** `a`, `a.b`, `a.[[b c]].d` … */
  takePath(): string[] {
    const names: string[] = [];
    do {
      const token = this.take();
      if (token.kind !== "word" && token.kind !== "escaped") throw unexpected(token, "a property name");
      names.push(token.text);
    } while (this.takeSymbol("."));
    return names;
  }

  /** What stands in parentheses, behind a NOT or a sign, or between the brackets of a function. */
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
  return new QuerySyntaxError(`unexpected ${found}${wanted === undefined ? "" : ` where ${wanted} is due,`}`, at);
}
