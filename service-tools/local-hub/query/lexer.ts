/** One word of a query. `at` is its position in the text, from 1. */
export interface Token {
  readonly kind: "word" | "escaped" | "string" | "number" | "symbol" | "end";
  readonly text: string;
  readonly at: number;
}

/** Why a query cannot be read, and where. */
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

export function tokenize(text: string): Token[] {
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
