import type { ErrorCode } from "./codes.ts";
import { redact, truncateUtf8 } from "./safe-text.ts";

/** What went wrong, as it is saved, reported in the twin and answered to methods. */
export interface Failure {
  /** A stable word for programs, listed in docs/errors.md. */
  readonly code: string;
  /** The phase, method or part in which it happened. */
  readonly during: string;
  /** A sentence for people: what happened, why, what to do. Free of secrets and query strings. */
  readonly message: string;
}

/** A Failure whose message fits a twin and holds no secret. */
export function failure(code: ErrorCode, during: string, message: string): Failure {
  return { code, during, message: truncateUtf8(redact(message)) };
}
