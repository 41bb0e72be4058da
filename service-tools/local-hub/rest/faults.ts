import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Where } from "../faults/scope.ts";
import { httpStatus, RefusedRequest } from "../lib/error-response.ts";
import type { Envelope, Refusal } from "../lib/error-response.ts";
import { quotaExceeded, serverError, serviceUnavailable, throttled } from "../lib/error-catalog.ts";
import type { HubServices } from "./hub-context.ts";
import { pathPart } from "./route.ts";

type Operation = "methods" | "twins" | "registry" | "query";
type Moment = "before" | "after";

/** A request as faults look at it. */
interface Occasion {
  readonly operation: Operation;
  readonly where: Where;
}

/** Lets faults act on requests. The hub's own pages are spared: it is there that faults are switched off. */
export function addFaultHooks(app: FastifyInstance, services: HubServices): void {
  app.addHook("onRequest", async (request, reply) => {
    const occasion = services.faults.none ? undefined : occasionOf(request);
    if (occasion === undefined) return undefined;
    if (await isInterrupted(services, occasion, "before", request)) {
      reply.hijack();
      return reply;
    }
    return refusedIfFaulty(services, occasion, reply);
  });
  app.addHook("onSend", async (request) => {
    const occasion = services.faults.none ? undefined : occasionOf(request);
    // Whoever was cut off is written to in vain: Node drops it.
    if (occasion !== undefined) await isInterrupted(services, occasion, "after", request);
  });
}

function occasionOf(request: FastifyRequest): Occasion | undefined {
  const url = request.routeOptions.url ?? "/local-hub/";
  if (url.startsWith("/local-hub/")) return undefined;
  const deviceId = pathPart(request, "deviceId");
  const moduleId = pathPart(request, "moduleId");
  const target = moduleId === "" ? { deviceId } : { deviceId, moduleId };
  return { operation: operationOf(url), where: { surfaces: ["rest"], ...(deviceId === "" ? {} : { target }) } };
}

function operationOf(url: string): Operation {
  if (url.endsWith("/methods")) return "methods";
  if (url.startsWith("/twins/")) return "twins";
  return url === "/devices/query" ? "query" : "registry";
}

/** Refuses by throwing, or has answered already; undefined when nothing is the matter. */
async function refusedIfFaulty(
  { faults, hubName }: HubServices,
  { operation, where }: Occasion,
  reply: FastifyReply,
): Promise<FastifyReply | undefined> {
  // "Identity registry operations" are not counted as messages (iot-hub-devguide-pricing).
  const isCounted = operation !== "registry";
  if (isCounted && faults.strike("quota-exhausted", where) !== undefined) {
    throw new RefusedRequest(quotaExceeded(hubName));
  }
  const envelope: Envelope = operation === "methods" ? "nested" : "classic";
  const tooMany = faults.strike("throttled", where);
  if (tooMany !== undefined) return refuse(throttled(envelope), tooMany, reply);
  const refused = faults.strike("rest-refused", where, (fault) => ["any", operation].includes(fault.operation));
  if (refused === undefined) return undefined;
  return refuse({ ...refusalOf[refused.status](), envelope }, refused, reply);
}

const refusalOf = { "429": throttled, "500": () => serverError("a fault"), "503": serviceUnavailable } as const;

async function refuse(
  refusal: Refusal,
  { body, retryAfterS }: { readonly body: "documented" | "empty"; readonly retryAfterS: number },
  reply: FastifyReply,
): Promise<FastifyReply> {
  if (retryAfterS > 0) reply.header("retry-after", retryAfterS);
  if (body === "documented") throw new RefusedRequest(refusal);
  return reply.code(httpStatus(refusal)).send();
}

/** True when the request goes no further: it was cut off, or its caller has lost patience. */
async function isInterrupted(
  { faults }: HubServices,
  { operation, where }: Occasion,
  moment: Moment,
  request: FastifyRequest,
): Promise<boolean> {
  const concerns = (fault: { readonly operation: string; readonly when: Moment }): boolean =>
    fault.when === moment && ["any", operation].includes(fault.operation);
  if (faults.strike("rest-cut", where, concerns) !== undefined) {
    request.raw.socket.destroy();
    return true;
  }
  const isStalled = (): boolean => faults.hold("rest-stalled", request, where, concerns) !== undefined;
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
