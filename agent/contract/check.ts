import * as v from "valibot";
import { redact, truncateUtf8 } from "./safe-text.ts";

/** The result of a check: the value, or every problem, one sentence each. */
export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly [string, ...string[]] };

/**
 * Checks a value from outside against a schema. Each problem names the key, what came and what was expected:
 * "delaySeconds: expected a whole number from 0 to 86400, got -1".
 */
export function check<const Schema extends v.GenericSchema>(
  schema: Schema,
  input: unknown,
): Checked<v.InferOutput<Schema>> {
  const result = v.safeParse(schema, input);
  if (result.success) return { ok: true, value: result.output };
  const [first, ...others] = result.issues.map(formatIssue);
  return { ok: false, problems: [first ?? "refused", ...others] };
}

/** A schema for one value that meets a rule; the problem says what was expected. */
export function rule<T>(
  expected: string,
  test: (value: unknown) => boolean,
): v.CustomSchema<T, v.ErrorMessage<v.CustomIssue> | undefined> {
  return v.custom<T>(test, expected);
}

/** Marks a message that must not quote the value: connection strings, URLs with signatures. */
const secret = "\u0000";
/** Marks a message that says all by itself, also what came. */
const whole = "\u0001";

/**
 * A schema for a text that matches a pattern. The problem tells a text that is too long, and one with control characters, from
 * other mistakes.
 * @param what "a reason": `expected` says the rest of the rule, and may be empty
 */
export function textRule(
  { what, expected = "", isSecret = false }: { what: string; expected?: string; isSecret?: boolean },
  pattern: RegExp,
  longest: number,
): v.CustomSchema<string, v.ErrorMessage<v.CustomIssue> | undefined> {
  const quote = (text: string): string => (isSecret ? "" : `: ${truncateUtf8(quoted(text), 80)}`);
  return v.custom<string>(isMatchingText(pattern, longest), ({ input }) => {
    if (typeof input === "string" && input.length > longest) {
      return `${whole}expected ${what} of at most ${longest} characters, got ${input.length}${quote(input)}`;
    }
    const at = typeof input === "string" ? input.search(/\p{Cc}/u) : -1;
    if (typeof input === "string" && at >= 0) {
      const code = input.charCodeAt(at).toString(16).toUpperCase().padStart(4, "0");
      return `${whole}expected ${what} without control characters, got U+${code} at character ${at + 1}${quote(input)}`;
    }
    return `${isSecret ? secret : ""}${what}${expected}`;
  });
}

function formatIssue(issue: v.GenericIssue): string {
  const key = v.getDotPath(issue);
  const description = describeIssue(issue);
  return key === null ? description : `${key}: ${description}`;
}

function describeIssue({ type, message, received, expected, input }: v.GenericIssue): string {
  if (message.startsWith(whole)) return message.slice(whole.length);
  if (type === "strict_object" && expected === "never") return "is not a known key";
  if ((type === "object" || type === "strict_object") && received === "undefined") return "is missing";
  const actual =
    typeof input !== "string" ? received : message.startsWith(secret) ? describeLength(input) : quoted(input);
  const wanted = type === "custom" || expected === null ? message.replace(secret, "") : expected;
  return `expected ${wanted}, got ${truncateUtf8(actual, 80)}`;
}

function describeLength(text: string): string {
  return `a text of ${text.length} characters`;
}

/** As in JSON, so that control characters are visible. Secrets are removed before the text is cut. */
function quoted(text: string): string {
  return JSON.stringify(redact(text));
}

/** Tests for a text that matches a pattern and has at most so many characters. */
export function isMatchingText(pattern: RegExp, longest: number): (value: unknown) => value is string {
  return (value): value is string => typeof value === "string" && value.length <= longest && pattern.test(value);
}

/** Tests for a whole number from `least` to `most`, both included. */
export function isIntegerBetween(least: number, most: number): (value: unknown) => value is number {
  return (value): value is number => Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most;
}

/* Schemas of the small values that saved states and records are made of. */

export const wholeNumber = rule<number>("a whole number", isIntegerBetween(0, Number.MAX_SAFE_INTEGER));
export const isoTimestamp = rule<string>("a time in ISO 8601", isMatchingText(/^\d{4}-\d\d-\d\dT/, 30));
export const shortText = rule<string>("a short text", isMatchingText(/^[^\p{Cc}]*$/u, 200));
const sentence = rule<string>("a sentence", isMatchingText(/^/, 1_000));
export const sha256Hex = rule<string>("a SHA-256 in hex", isMatchingText(/^[0-9a-f]{64}$/, 64));
export const failureSchema = v.object({ code: shortText, during: shortText, message: sentence });
