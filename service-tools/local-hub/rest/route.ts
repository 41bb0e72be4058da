import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { authorizeService } from "../auth/authorize.ts";
import type { Permission } from "../auth/shared-access.ts";
import { argumentInvalid, invalidProtocolVersion, malformedJson, unauthorized } from "../lib/error-catalog.ts";
import { RequestError } from "../lib/error-response.ts";
import { NESTING_LIMIT, isJsonObject, ownProperty, parseJson } from "../lib/json.ts";
import type { Json, JsonObject } from "../lib/json.ts";
import type { Target } from "../lib/target.ts";
import { pathSegments, queryParameter } from "../lib/url.ts";
import type { HubContext } from "./hub-context.ts";

type Method = "GET" | "PUT" | "PATCH" | "POST" | "DELETE";

/** Adds a route for callers with this permission. */
export function addRoute(
  app: FastifyInstance,
  context: HubContext,
  method: Method,
  url: string,
  permission: Permission,
  handler: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>,
): void {
  app.route({
    method,
    url,
    onRequest: async (request) => {
      checkApiVersion(request);
      const { names, policies, clock } = context;
      const authContext = { names, policies, nowMs: clock.nowMs() };
      const { authorization } = request.headers;
      const result = authorizeService(authorization, permission, pathSegments(request.url), authContext);
      if (!result.ok) throw new RequestError(unauthorized(result.why));
    },
    handler,
  });
}

/** Sends compact JSON, keys in the given order. */
export function sendJson(reply: FastifyReply, value: object): FastifyReply {
  return reply.code(200).header("content-type", "application/json; charset=utf-8").send(JSON.stringify(value));
}

/** The body as JSON. Throws a RequestError when it is not. */
export function jsonBody(request: FastifyRequest): Json {
  const text = request.body;
  const value = typeof text === "string" ? parseJson(text) : undefined;
  if (value === undefined)
    throw new RequestError(malformedJson(`send a JSON document in the body, nested ${NESTING_LIMIT} levels at most`));
  return value;
}

export function jsonObjectBody(request: FastifyRequest): JsonObject {
  const value = jsonBody(request);
  if (!isJsonObject(value)) throw new RequestError(argumentInvalid("The request body must be a JSON object."));
  return value;
}

/** A named part of the path, decoded; empty when the route has no such part. */
export function pathPart(request: FastifyRequest, name: string): string {
  const part = isJsonObject(request.params) ? ownProperty(request.params, name) : undefined;
  return typeof part === "string" ? part : "";
}

/** The device or module that the path names. */
export function pathTarget(request: FastifyRequest): Target {
  const deviceId = pathPart(request, "deviceId");
  const moduleId = pathPart(request, "moduleId");
  return moduleId === "" ? { deviceId } : { deviceId, moduleId };
}

export function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** Any dated version is accepted. The hub's own pages need none. */
function checkApiVersion(request: FastifyRequest): void {
  if (request.url.startsWith("/local-hub/")) return;
  const version = queryParameter(request.url, "api-version");
  if (version !== undefined && /^20\d\d-\d\d-\d\d(-preview)?$/.test(version)) return;
  const why = version === undefined ? "it is missing" : `'${version}' is not a version`;
  throw new RequestError(invalidProtocolVersion(`add api-version=2021-04-12 to the URI: ${why}`));
}
