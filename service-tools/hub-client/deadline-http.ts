import type { ClientRequest } from "node:http";
import type { Agent } from "node:https";
import { Http } from "azure-iothub/dist/common-http/http.js";

/** The hub did not answer a request in time. */
export class DeadlinePassed extends Error {
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
    const deadline = setTimeout(() => request.destroy(new DeadlinePassed(this.#deadlineMs)), this.#deadlineMs);
    this.#interrupted.addEventListener("abort", stop, { once: true });
    request.once("close", () => {
      clearTimeout(deadline);
      this.#interrupted.removeEventListener("abort", stop);
    });
    return request;
  }
}
