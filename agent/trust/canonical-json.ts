/** What may be signed goes no deeper. Nothing that TUF or we define comes near it. */
export const deepestJson = 16;

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
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map((one) => canonicalJson(one, depth + 1)).join(",")}]`;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${quote(key)}:${canonicalJson(member, depth + 1)}`).join(",")}}`;
}

function quote(text: string): string {
  // Half of a pair would become the same bytes as the replacement character: two texts, one signature.
  if (/\p{Surrogate}/u.test(text)) throw new NotCanonical("a text in it has half of a character");
  return `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}

function wholeNumber(value: number): string {
  if (!Number.isSafeInteger(value)) throw new NotCanonical("a number in it is not a whole one, or is too large");
  return value.toFixed(0);
}
