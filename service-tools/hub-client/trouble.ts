import { CommandError } from "../cli/errors.ts";
import { DeadlinePassed } from "./deadline-http.ts";
import type { Trouble } from "./hub-errors.ts";

/**
 * What an error of the SDK's HTTP is about. An answer of the hub has `response` and `responseBody`: the SDK's own classes
 * and messages say less (an offline device is a plain "Not found").
 * @throws what is not about a request: a fault of this program
 */
export function troubleFrom(cause: unknown): Trouble {
  if (cause instanceof DeadlinePassed) return { kind: "deadline", deadlineMs: cause.deadlineMs };
  if (!(cause instanceof Error) || cause instanceof CommandError) throw cause;
  const response = "response" in cause ? cause.response : undefined;
  if (typeof response === "object" && response !== null && "statusCode" in response) {
    const body = "responseBody" in cause && typeof cause.responseBody === "string" ? cause.responseBody : "";
    return { kind: "answer", status: Number(response.statusCode), body };
  }
  if ("code" in cause && typeof cause.code === "string") {
    return { kind: "connection", code: cause.code, message: cause.message };
  }
  // A body that ends too early, and one that is no JSON, come from something that is not a hub, or is just going down.
  if (cause instanceof SyntaxError || cause.message === "aborted") {
    return { kind: "connection", code: undefined, message: cause.message };
  }
  throw cause;
}
