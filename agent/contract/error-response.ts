import type { ErrorCode } from "./codes.ts";
import { redact, truncateUtf8 } from "./safe-text.ts";

/** Why a request is not carried out: an HTTP-like status, a stable code (docs/errors.md), and a sentence for people. */
export interface ErrorResponse {
  readonly status: number;
  readonly code: ErrorCode;
  readonly message: string;
}

export interface InvalidRequest {
  readonly ok: false;
  readonly error: ErrorResponse;
}
export type Validated<T> = { readonly ok: true; readonly value: T } | InvalidRequest;

/** @param message may quote the request: it is cut to fit a twin, and secrets are removed */
export function rejectRequest(status: number, code: ErrorCode, message: string): InvalidRequest {
  return { ok: false, error: { status, code, message: truncateUtf8(redact(message)) } };
}

/** For a payload that does not match its schema: the message lists every problem. */
export function invalidPayload(problems: readonly string[]): InvalidRequest {
  return rejectRequest(400, "bad-request", `Bad request: ${problems.join("; ")}.`);
}
