import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Location } from "../faults/scope.ts";
import { httpStatus, RequestError } from "../lib/error-response.ts";
import type { Envelope, ErrorResponse } from "../lib/error-response.ts";
import { quotaExceeded, serverError, serviceUnavailable, throttled } from "../lib/error-catalog.ts";
import type { HubContext } from "./hub-context.ts";
import { pathPart } from "./route.ts";

type Operation = "methods" | "twins" | "registry" | "query";
type Moment = "before" | "after";

/** A request as faults look at it. */
interface RequestLocation {
  readonly operation: Operation;
  readonly location: Location;
}

/** Lets faults act on requests. The hub's own pages are spared: it is there that faults are switched off. */
export function addFaultHooks(app: FastifyInstance, services: HubContext): void {
  app.addHook("onRequest", async (request, reply) => {
    const occasion = services.faults.noneActive ? undefined : requestLocation(request);
    if (occasion === undefined) return undefined;
    if (await isInterrupted(services, occasion, "before", request)) {
      reply.hijack();
      return reply;
    }
    return respondIfFaulty(services, occasion, reply);
  });
  app.addHook("onSend", async (request) => {
    const occasion = services.faults.noneActive ? undefined : requestLocation(request);
    // Whoever was cut off is written to in vain: Node drops it.
    if (occasion !== undefined) await isInterrupted(services, occasion, "after", request);
  });
}

function requestLocation(request: FastifyRequest): RequestLocation | undefined {
  const url = request.routeOptions.url ?? "/local-hub/";
  if (url.startsWith("/local-hub/")) return undefined;
  const deviceId = pathPart(request, "deviceId");
  const moduleId = pathPart(request, "moduleId");
  const target = moduleId === "" ? { deviceId } : { deviceId, moduleId };
  return { operation: operationOf(url), location: { endpoints: ["rest"], ...(deviceId === "" ? {} : { target }) } };
}

function operationOf(url: string): Operation {
  if (url.endsWith("/methods")) return "methods";
  if (url.startsWith("/twins/")) return "twins";
  return url === "/devices/query" ? "query" : "registry";
}

/** Refuses by throwing, or has answered already; undefined when nothing is the matter. */
async function respondIfFaulty(
  { faults, hubName }: HubContext,
  { operation, location: where }: RequestLocation,
  reply: FastifyReply,
): Promise<FastifyReply | undefined> {
  // "Identity registry operations" are not counted as messages (iot-hub-devguide-pricing).
  const isCounted = operation !== "registry";
  if (isCounted && faults.triggerOnce("quota-exhausted", where) !== undefined) {
    throw new RequestError(quotaExceeded(hubName));
  }
  const envelope: Envelope = operation === "methods" ? "nested" : "classic";
  const tooMany = faults.triggerOnce("throttled", where);
  if (tooMany !== undefined) return respond(throttled(envelope), tooMany, reply);
  const refused = faults.triggerOnce("rest-refused", where, (fault) => ["any", operation].includes(fault.operation));
  if (refused === undefined) return undefined;
  return respond({ ...responseOf[refused.status](), envelope }, refused, reply);
}

const responseOf = { "429": throttled, "500": () => serverError("a fault"), "503": serviceUnavailable } as const;

async function respond(
  refusal: ErrorResponse,
  { body, retryAfterS }: { readonly body: "documented" | "empty"; readonly retryAfterS: number },
  reply: FastifyReply,
): Promise<FastifyReply> {
  if (retryAfterS > 0) reply.header("retry-after", retryAfterS);
  if (body === "documented") throw new RequestError(refusal);
  return reply.code(httpStatus(refusal)).send();
}

/** True when the request goes no further: it was cut off, or its caller has lost patience. */
async function isInterrupted(
  { faults }: HubContext,
  { operation, location: where }: RequestLocation,
  moment: Moment,
  request: FastifyRequest,
): Promise<boolean> {
  const concerns = (fault: { readonly operation: string; readonly when: Moment }): boolean =>
    fault.when === moment && ["any", operation].includes(fault.operation);
  if (faults.triggerOnce("rest-cut", where, concerns) !== undefined) {
    request.raw.socket.destroy();
    return true;
  }
  const isStalled = (): boolean => faults.activeFor("rest-stalled", request, where, concerns) !== undefined;
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
