import type { ErrorResponse } from "./error-response.ts";
import type { JsonObject } from "./json.ts";

/** A direct method's reply: an HTTP-like status and a JSON object with a sentence for people under `Response`. */
export interface MethodReply {
  readonly status: number;
  readonly payload: { readonly Response: string } & JsonObject;
}

/** An error response as a method's caller gets it. */
export function errorReply({ status, code, message }: ErrorResponse): MethodReply {
  return { status, payload: { Response: message, error: { code, message } } };
}
