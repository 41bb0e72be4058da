import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Location } from "../faults/fault-kind.ts";
import {
  deviceDisabled,
  hubFailingOver,
  notInTier,
  tooManyMethods,
  hubSuspended,
  quotaExceeded,
  serverError,
  serviceUnavailable,
  throttled,
} from "../lib/error-catalog.ts";
import { RequestError, httpStatus } from "../lib/error-response.ts";
import type { Envelope, ErrorResponse } from "../lib/error-response.ts";
import type { HubContext } from "./hub-context.ts";
import { pathTarget } from "./route.ts";

type Operation = "methods" | "twins" | "registry" | "query";
type Moment = "before" | "after";

/** A request, as far as faults need it. */
interface FaultySubject {
  readonly operation: Operation;
  readonly location: Location;
}

/** Lets faults act on requests. The hub's own pages are exempt, since faults are ended there. */
export function addRequestFaults(app: FastifyInstance, context: HubContext): void {
  app.addHook("onRequest", async (request, reply) => {
    const subject = context.faults.noneActive ? undefined : subjectOf(request);
    if (subject === undefined) return undefined;
    if (await isInterrupted(context, subject, "before", request)) {
      reply.hijack();
      return reply;
    }
    return respondIfFaulty(context, subject, reply);
  });
  app.addHook("onSend", async (request) => {
    const subject = context.faults.noneActive ? undefined : subjectOf(request);
    // After a cut the response is written to a closed connection: Node drops it.
    if (subject !== undefined) await isInterrupted(context, subject, "after", request);
  });
}

function subjectOf(request: FastifyRequest): FaultySubject | undefined {
  const url = request.routeOptions.url ?? "/local-hub/";
  if (url.startsWith("/local-hub/")) return undefined;
  const target = pathTarget(request);
  const location = { endpoints: ["rest"] as const, ...(target.deviceId === "" ? {} : { target }) };
  return { operation: operationOf(url), location };
}

function operationOf(url: string): Operation {
  if (url.endsWith("/methods")) return "methods";
  if (url.startsWith("/twins/")) return "twins";
  return url === "/devices/query" ? "query" : "registry";
}

/** Throws a RequestError, or has responded; undefined when no fault acts. */
async function respondIfFaulty(
  { faults, hubName }: HubContext,
  { operation, location }: FaultySubject,
  reply: FastifyReply,
): Promise<FastifyReply | undefined> {
  // "Identity registry operations" are not counted as messages (iot-hub-devguide-pricing).
  const isCounted = operation !== "registry";
  if (isCounted && faults.triggerOnce("quota-exhausted", location) !== undefined) {
    throw new RequestError(quotaExceeded(hubName));
  }
  const envelope: Envelope = operation === "methods" ? "nested" : "classic";
  const throttling = faults.triggerOnce("throttled", location);
  if (throttling !== undefined) return respond(throttled(envelope), throttling, reply);
  const refused = faults.triggerOnce("rest-refused", location, (fault) => ["any", operation].includes(fault.operation));
  if (refused === undefined) return undefined;
  return respond({ ...responseOf[refused.status](), envelope }, refused, reply);
}

const responseOf = {
  "429": throttled,
  "500": () => serverError("a fault"),
  "503": serviceUnavailable,
  "403001": hubSuspended,
  "403010": notInTier,
  "403012": deviceDisabled,
  "403800": tooManyMethods,
  "404012": hubFailingOver,
} as const;

async function respond(
  error: ErrorResponse,
  { body, retryAfterS }: { readonly body: "documented" | "empty"; readonly retryAfterS: number },
  reply: FastifyReply,
): Promise<FastifyReply> {
  if (retryAfterS > 0) reply.header("retry-after", retryAfterS);
  if (body === "documented") throw new RequestError(error);
  return reply.code(httpStatus(error)).send();
}

/** True when the request ends here: a fault cut it, or its caller closed the connection while it was stalled. */
async function isInterrupted(
  { faults }: HubContext,
  { operation, location }: FaultySubject,
  moment: Moment,
  request: FastifyRequest,
): Promise<boolean> {
  const concerns = (fault: { readonly operation: string; readonly when: Moment }): boolean =>
    fault.when === moment && ["any", operation].includes(fault.operation);
  if (faults.triggerOnce("rest-cut", location, concerns) !== undefined) {
    request.raw.socket.destroy();
    return true;
  }
  const isStalled = (): boolean => faults.activeFor("rest-stalled", request, location, concerns) !== undefined;
  if (!isStalled()) return false;
  return new Promise((resolve) => {
    const stop = faults.onChange(() => {
      if (isStalled()) return;
      stop();
      resolve(false);
    });
    request.raw.socket.once("close", () => {
      stop();
      resolve(true);
    });
  });
}
