import { isJsonObject, type JsonObject } from "./json.ts";
import { truncateUtf8 } from "./safe-text.ts";

/*
 * Keys that are almost known. Unknown keys are allowed, because other software adds its own. A slip of the pen is not: the
 * request would be obeyed without the part that was meant.
 */

/** Shorter keys are too alike: `at` and `a` are two words, not one with a slip. */
const leastLettersForEdits = 5;
/** The keys of a call to the hub's REST API, which some tools put around the payload, or send instead of it. */
const envelopeKey = "payload";
const envelopeNameKey = "methodname";

/** The known key that a text was probably meant to be: it differs only by case, or by one edit. Undefined for a known key, and for others. */
export function nearestKey(key: string, known: readonly string[]): string | undefined {
  if (known.includes(key)) return undefined;
  const lower = key.toLowerCase();
  const byCase = known.find((one) => one.toLowerCase() === lower);
  return byCase ?? known.find((one) => one.length >= leastLettersForEdits && isOneEditApart(lower, one.toLowerCase()));
}

/**
 * What is wrong with the keys of an object from outside: a problem for each that is almost a known one, and one where the whole
 * object is wrapped in another. Empty where all is well.
 */
export function keyProblems(object: JsonObject, known: readonly string[]): string[] {
  const wrapped = wrapperProblem(object, known);
  if (wrapped !== undefined) return [wrapped];
  return Object.keys(object).flatMap((key) => {
    const meant = nearestKey(key, known);
    return meant === undefined ? [] : [`${truncateUtf8(key, 80)}: not a known key (did you mean ${meant}?)`];
  });
}

function wrapperProblem(object: JsonObject, known: readonly string[]): string | undefined {
  const entries = Object.entries(object).map(([key, value]) => ({ key, lower: key.toLowerCase(), value }));
  const payload = entries.find(({ lower }) => lower === envelopeKey);
  if (payload === undefined || known.includes(payload.key)) return undefined;
  const isCall = entries.some(({ lower }) => lower === envelopeNameKey);
  if (!isCall && !isJsonObject(payload.value) && typeof payload.value !== "string") return undefined;
  return `${payload.key}: the keys are wrapped in another object; send what is inside it, without ${isCall ? "methodName and " : ""}${payload.key} around it`;
}

/** Whether one letter is inserted, deleted or replaced, or two neighbours are swapped. */
function isOneEditApart(a: string, b: string): boolean {
  const [shorter, longer] = a.length <= b.length ? [a, b] : [b, a];
  let start = 0;
  while (start < shorter.length && shorter[start] === longer[start]) start += 1;
  const restOf = (text: string, skipped: number): string => text.slice(start + skipped);
  if (longer.length === shorter.length + 1) return restOf(longer, 1) === restOf(shorter, 0);
  if (longer.length !== shorter.length) return false;
  if (restOf(longer, 1) === restOf(shorter, 1)) return true;
  const isSwapped = longer[start] === shorter[start + 1] && longer[start + 1] === shorter[start];
  return isSwapped && restOf(longer, 2) === restOf(shorter, 2);
}
