import { isJsonObject } from "../contract/json.ts";

/** What may be signed goes no deeper. Nothing that TUF or we define comes near it. */
const deepestJson = 16;

/** The value has no canonical form: a fraction, a number that is too large, half a character, more than 16 levels. */
export class NotCanonical extends Error {
  constructor(message: string) {
    super(message);
    this.name = "NotCanonical";
  }
}

/**
 * The text that TUF signs: canonical JSON as the One Laptop per Child project has defined it. Keys are sorted, only quotes and
 * backslashes are escaped, and there are no fractions. Two values that differ never have the same text.
 * @param value what JSON.parse returns
 * @throws NotCanonical
 */
export function canonicalJson(value: unknown, depth = 0): string {
  if (depth > deepestJson) throw new NotCanonical(`it is nested deeper than ${deepestJson} levels`);
  if (typeof value === "string") return quote(value);
  if (typeof value === "number") return wholeNumber(value);
  let text = "";
  if (Array.isArray(value)) {
    for (const one of value) text += `${text === "" ? "" : ","}${canonicalJson(one, depth + 1)}`;
    return `[${text}]`;
  }
  if (!isJsonObject(value)) return String(value); // true, false, null
  for (const key of Object.keys(value).sort()) {
    text += `${text === "" ? "" : ","}${quote(key)}:${canonicalJson(value[key], depth + 1)}`;
  }
  return `{${text}}`;
}

function quote(text: string): string {
  // Half of a pair would become the same bytes as the replacement character: two texts, one signature. The first test is the quick one.
  if (/[\ud800-\udfff]/.test(text) && /\p{Surrogate}/u.test(text)) {
    throw new NotCanonical("a text in it has half of a character");
  }
  return /["\\]/.test(text) ? `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"` : `"${text}"`;
}

function wholeNumber(value: number): string {
  if (!Number.isSafeInteger(value)) throw new NotCanonical("a number in it is not a whole one, or is too large");
  return value.toFixed(0);
}
