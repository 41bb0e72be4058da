import type { ErrorCode } from "./codes.ts";
import { redact } from "./redact.ts";

/** What went wrong, as it is saved, reported in the twin and answered to methods. */
export interface Failure {
  /** A stable word for programs, listed in docs/errors.md. */
  readonly code: string;
  /** The phase, method or part in which it happened. */
  readonly during: string;
  /** A sentence for people: what happened, why, what to do next. Free of secrets and query strings. */
  readonly message: string;
}

/** The longest text that the agent puts into a twin, in bytes of UTF-8: a twin's string may have 4 KB, ours have 1. */
const longestText = 1_000;

/** A Failure whose message fits a twin and holds no secret. */
export function failure(code: ErrorCode, during: string, message: string): Failure {
  return { code, during, message: truncateUtf8(redact(message)) };
}

/** Cuts a text to so many bytes of UTF-8, and shows that it was cut. */
export function truncateUtf8(text: string, longestBytes: number = longestText): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= longestBytes) return text;
  const ellipsis = "…";
  const kept = bytes.subarray(0, longestBytes - new TextEncoder().encode(ellipsis).length);
  // A character cut in half decodes to the replacement character, which is dropped.
  return new TextDecoder().decode(kept).replace(/\uFFFD$/, "") + ellipsis;
}
