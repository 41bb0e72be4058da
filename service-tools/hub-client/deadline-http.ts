import type { ClientRequest } from "node:http";
import type { Agent } from "node:https";
import { Http } from "azure-iothub/dist/common-http/http.js";
import { CommandError } from "../cli/errors.ts";
import type { RequestFailure } from "./hub-errors.ts";

/** The hub did not answer a request in time. */
class DeadlineExceeded extends Error {
  readonly deadlineMs: number;

  constructor(deadlineMs: number) {
    super(`no answer within ${deadlineMs} ms`);
    this.name = "DeadlineExceeded";
    this.deadlineMs = deadlineMs;
  }
}

/**
 * The SDK's HTTP, with deadlines. The SDK sets timeouts but does not listen for them, so a hub that stops answering would
 * block a caller for ever. Here every request ends at its deadline, or at Ctrl-C.
 */
export class DeadlineHttp extends Http {
  readonly #deadlineMs: number;
  readonly #interrupted: AbortSignal;

  constructor(agent: Agent, deadlineMs: number, interrupted: AbortSignal) {
    super();
    super.setOptions({ http: { agent } });
    this.#deadlineMs = deadlineMs;
    this.#interrupted = interrupted;
  }

  /** The SDK would replace our HTTP agent by one without the hub's port and CA. */
  override setOptions(): void {
    // Keeps the agent of the constructor.
  }

  override buildRequest(...what: Parameters<Http["buildRequest"]>): ClientRequest {
    const request = super.buildRequest(...what);
    const stop = (): void => void request.destroy(new Error("interrupted"));
    const deadline = setTimeout(() => request.destroy(new DeadlineExceeded(this.#deadlineMs)), this.#deadlineMs);
    this.#interrupted.addEventListener("abort", stop, { once: true });
    request.once("close", () => {
      clearTimeout(deadline);
      this.#interrupted.removeEventListener("abort", stop);
    });
    return request;
  }
}

/**
 * Classifies an error of the SDK's HTTP. The hub's response is in `response` and `responseBody`; the SDK's own classes and
 * messages say less (an offline device is a plain "Not found").
 * @throws the cause, if it does not come from a request: a bug in this program
 */
export function classifySdkError(cause: unknown): RequestFailure {
  if (cause instanceof DeadlineExceeded) return { kind: "deadline", deadlineMs: cause.deadlineMs };
  if (!(cause instanceof Error) || cause instanceof CommandError) throw cause;
  const response = "response" in cause ? cause.response : undefined;
  if (typeof response === "object" && response !== null && "statusCode" in response) {
    const body = "responseBody" in cause && typeof cause.responseBody === "string" ? cause.responseBody : "";
    return { kind: "answer", status: Number(response.statusCode), body };
  }
  if ("code" in cause && typeof cause.code === "string") {
    return { kind: "connection", code: cause.code, message: cause.message };
  }
  // A truncated body or one that is not JSON: not a hub, or one that is shutting down.
  if (cause instanceof SyntaxError || cause.message === "aborted") {
    return { kind: "connection", code: undefined, message: cause.message };
  }
  throw cause;
}
