import type { ClientRequest } from "node:http";
import type { Agent } from "node:https";
import { Http } from "azure-iothub/dist/common-http/http.js";
import { CommandError } from "../cli/errors.ts";
import type { RequestFailure } from "./hub-errors.ts";

/** The hub did not answer a request in time. */
export class DeadlineExceeded extends Error {
  readonly deadlineMs: number;

  constructor(deadlineMs: number) {
    super(`no answer within ${deadlineMs} ms`);
    this.name = "DeadlinePassed";
    this.deadlineMs = deadlineMs;
  }
}

/**
 * The SDK's HTTP, with an end: the SDK sets a timeout on some requests but listens to none, so a hub that goes silent would
 * keep a caller waiting for ever. Here every request is over by its deadline, or as soon as the user has had enough.
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

  /** Registry and the like replace the agent by one that knows neither the hub's port nor its authority: not here. */
  override setOptions(): void {
    // Kept as constructed.
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
 * What an error of the SDK's HTTP is about. An answer of the hub has `response` and `responseBody`: the SDK's own classes
 * and messages say less (an offline device is a plain "Not found").
 * @throws what is not about a request: a fault of this program
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
  // A body that ends too early, and one that is no JSON, come from something that is not a hub, or is just going down.
  if (cause instanceof SyntaxError || cause.message === "aborted") {
    return { kind: "connection", code: undefined, message: cause.message };
  }
  throw cause;
}
