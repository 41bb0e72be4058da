import { randomUUID } from "node:crypto";
import Fastify from "fastify";
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { describeError } from "../lib/log.ts";
import { RequestError, httpErrorBody, httpStatus } from "../lib/error-response.ts";
import type { ErrorResponse } from "../lib/error-response.ts";
import { argumentInvalid, noSuchResource, serverError, tooLarge } from "../lib/error-catalog.ts";
import type { HubContext } from "./hub-context.ts";
import { addDeviceRoutes } from "./devices.ts";
import { addFaultRoutes } from "./fault-pages.ts";
import { addFaultHooks } from "./faults.ts";
import { addLocalRoutes } from "./local.ts";
import { addMethodRoutes } from "./methods.ts";
import { addModuleRoutes } from "./modules.ts";
import { addQueryRoutes } from "./query.ts";
import { addStatisticsRoutes } from "./statistics.ts";
import { addTwinRoutes } from "./twins.ts";

/** Room for a hundred devices with their twins in one request, the most that the hub takes. */
const BODY_LIMIT_BYTES = 8 * 1024 * 1024;

/** The service's REST API, https://learn.microsoft.com/rest/api/iothub/service, without a socket of its own. */
export async function createRestApi(services: HubContext): Promise<FastifyInstance> {
  const app = Fastify({
    genReqId: () => randomUUID(),
    bodyLimit: BODY_LIMIT_BYTES,
    // An id has up to 128 characters, each of which may be escaped.
    routerOptions: { caseSensitive: false, maxParamLength: 512, ignoreTrailingSlash: true },
    frameworkErrors: (error, request, reply) => sendError(services, error, request, reply),
  });
  readBodiesAsText(app);
  app.addHook("onSend", async (request, reply) => {
    reply.header("x-ms-request-id", request.id);
    reply.header("vary", "Origin");
  });
  app.setErrorHandler((error: FastifyError, request, reply) => sendError(services, error, request, reply));
  app.setNotFoundHandler((request, reply) => {
    const refusal = noSuchResource(`there is no ${request.method} ${request.url.split("?")[0]} in this hub`);
    sendErrorResponse(services, refusal, request, reply);
  });
  addFaultHooks(app, services);
  addDeviceRoutes(app, services);
  addModuleRoutes(app, services);
  addTwinRoutes(app, services);
  addMethodRoutes(app, services);
  addQueryRoutes(app, services);
  addStatisticsRoutes(app, services);
  addLocalRoutes(app, services);
  addFaultRoutes(app, services);
  await app.ready();
  return app;
}

/** Whatever a caller names the type of its body: JSON is read by the hub itself, so that its errors are the hub's. */
function readBodiesAsText(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
}

function sendError(services: HubContext, error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const refusal = error instanceof RequestError ? error.response : errorResponseFor(error);
  if (httpStatus(refusal) >= 500) {
    services.log({ level: "error", message: "request failed", url: pathOf(request), why: describeError(error) });
  }
  sendErrorResponse(services, refusal, request, reply);
}

function sendErrorResponse(
  services: HubContext,
  refusal: ErrorResponse,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const status = httpStatus(refusal);
  const why = refusal.hint ?? refusal.message;
  services.log({
    level: "info",
    message: "request refused",
    method: request.method,
    url: pathOf(request),
    status,
    why,
  });
  const tracking = { id: request.id.replaceAll("-", ""), atMs: services.clock.nowMs() };
  reply.code(status).header("content-type", "application/json; charset=utf-8").header("iothub-errorcode", refusal.name);
  if (refusal.hint !== undefined) reply.header("x-local-hub-hint", encodeURI(refusal.hint));
  reply.send(httpErrorBody(refusal, tracking));
}

function errorResponseFor(error: FastifyError): ErrorResponse {
  if (error.code === "FST_ERR_CTP_BODY_TOO_LARGE") {
    return tooLarge(`The request body is larger than ${BODY_LIMIT_BYTES} bytes.`);
  }
  if (error.statusCode !== undefined && error.statusCode < 500) return argumentInvalid(error.message);
  return serverError(describeError(error));
}

function pathOf(request: FastifyRequest): string {
  return request.url.split("?")[0] ?? "";
}
