import { randomUUID } from "node:crypto";
import Fastify from "fastify";
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { argumentInvalid, noSuchResource, serverError, tooLarge } from "../lib/error-catalog.ts";
import { RequestError, httpErrorBody, httpStatus } from "../lib/error-response.ts";
import type { ErrorResponse } from "../lib/error-response.ts";
import { describeError } from "../lib/log.ts";
import { pathOf } from "../lib/url.ts";
import { addEventRoutes, addFaultRoutes, addStatusRoute } from "./admin-routes.ts";
import { addDeviceRoutes, addStatisticsRoutes } from "./devices.ts";
import type { HubContext } from "./hub-context.ts";
import { addMethodRoutes } from "./methods.ts";
import { addModuleRoutes } from "./modules.ts";
import { addQueryRoutes } from "./query.ts";
import { addRequestFaults } from "./request-faults.ts";
import { addTwinRoutes } from "./twins.ts";

/** Enough for 100 devices with their twins, the most that one request may hold. */
const BODY_LIMIT_BYTES = 8 * 1024 * 1024;

/** The service's REST API, https://learn.microsoft.com/rest/api/iothub/service. It does not listen itself. */
export async function createRestApi(context: HubContext): Promise<FastifyInstance> {
  const app = Fastify({
    genReqId: () => randomUUID(),
    bodyLimit: BODY_LIMIT_BYTES,
    // An id has up to 128 characters, each of which may be percent-encoded.
    routerOptions: { caseSensitive: false, maxParamLength: 512, ignoreTrailingSlash: true },
    frameworkErrors: (error, request, reply) => sendError(context, error, request, reply),
  });
  readBodiesAsText(app);
  app.addHook("onSend", async (request, reply) => {
    reply.header("x-ms-request-id", request.id);
    reply.header("vary", "Origin");
    reply.header("date", new Date(context.clock.nowMs()).toUTCString());
  });
  app.setErrorHandler((error: FastifyError, request, reply) => sendError(context, error, request, reply));
  app.setNotFoundHandler((request, reply) => {
    const error = noSuchResource(`there is no ${request.method} ${pathOf(request.url)} in this hub`);
    sendErrorResponse(context, error, request, reply);
  });
  addRequestFaults(app, context);
  addDeviceRoutes(app, context);
  addModuleRoutes(app, context);
  addTwinRoutes(app, context);
  addMethodRoutes(app, context);
  addQueryRoutes(app, context);
  addStatisticsRoutes(app, context);
  addEventRoutes(app, context);
  addStatusRoute(app, context);
  addFaultRoutes(app, context);
  await app.ready();
  return app;
}

/** Whatever the Content-Type: the hub parses JSON itself, so that the errors are the hub's. */
function readBodiesAsText(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
}

function sendError(context: HubContext, error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const response = error instanceof RequestError ? error.response : errorResponseFor(error);
  if (httpStatus(response) >= 500) {
    const why = describeError(error);
    context.log({ level: "error", message: "request failed", url: pathOf(request.url), why });
  }
  sendErrorResponse(context, response, request, reply);
}

function sendErrorResponse(
  context: HubContext,
  error: ErrorResponse,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const status = httpStatus(error);
  const why = error.hint ?? error.message;
  const { method } = request;
  context.log({ level: "info", message: "request refused", method, url: pathOf(request.url), status, why });
  const tracking = { id: request.id.replaceAll("-", ""), atMs: context.clock.nowMs() };
  reply.code(status).header("content-type", "application/json; charset=utf-8").header("iothub-errorcode", error.name);
  if (error.hint !== undefined) reply.header("x-local-hub-hint", encodeURI(error.hint));
  reply.send(httpErrorBody(error, tracking));
}

function errorResponseFor(error: FastifyError): ErrorResponse {
  if (error.code === "FST_ERR_CTP_BODY_TOO_LARGE") {
    return tooLarge(`The request body is larger than ${BODY_LIMIT_BYTES} bytes.`);
  }
  if (error.statusCode !== undefined && error.statusCode < 500) return argumentInvalid(error.message);
  return serverError(describeError(error));
}
