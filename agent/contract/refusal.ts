import type { Code } from "./codes.ts";
import { brief } from "./failure.ts";
import type { MethodReply } from "./methods.ts";
import { redact } from "./redact.ts";

/** A request that is not carried out: an HTTP-like status, a stable code (docs/errors.md), and why, for people. */
export interface Refusal {
  readonly status: number;
  readonly code: Code;
  readonly message: string;
}

export type Judged<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal };

/** The message may repeat what came: it is cut to fit a twin, and loses what may be a secret. */
export function refuse(status: number, code: Code, message: string): { readonly ok: false; readonly refusal: Refusal } {
  return { ok: false, refusal: { status, code, message: brief(redact(message)) } };
}

/** A payload that does not meet its schema: every problem is told at once. */
export function refusePayload(problems: readonly string[]): { readonly ok: false; readonly refusal: Refusal } {
  return refuse(400, "bad-request", `Bad request: ${problems.join("; ")}.`);
}

/** A refusal as a method's caller gets it. */
export function refusalReply({ status, code, message }: Refusal): MethodReply {
  return { status, payload: { Response: message, error: { code, message } } };
}
