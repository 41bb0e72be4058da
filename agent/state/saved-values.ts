import * as v from "valibot";
import { isMatchingText, isIntegerBetween, rule } from "../contract/check.ts";

/* Schemas of the small values that saved states are made of. */

export const wholeNumber = rule<number>("a whole number", isIntegerBetween(0, Number.MAX_SAFE_INTEGER));
export const isoTimestamp = rule<string>("a time in ISO 8601", isMatchingText(/^\d{4}-\d\d-\d\dT/, 30));
export const shortText = rule<string>("a short text", isMatchingText(/^[^\p{Cc}]*$/u, 200));
const sentence = rule<string>("a sentence", isMatchingText(/^/, 1_000));
export const sha256Hex = rule<string>("a SHA-256 in hex", isMatchingText(/^[0-9a-f]{64}$/, 64));
export const savedFailure = v.object({ code: shortText, during: shortText, message: sentence });
