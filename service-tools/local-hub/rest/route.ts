import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Permission } from "../auth/policies.ts";
import { authorizeService } from "../auth/authorize.ts";
import { NESTING_LIMIT, isJsonObject, ownProperty, parseJson } from "../lib/json.ts";
import type { Json, JsonObject } from "../lib/json.ts";
import { RequestError } from "../lib/error-response.ts";
import { argumentInvalid, invalidProtocolVersion, malformedJson, unauthorized } from "../lib/error-catalog.ts";
import type { HubContext } from "./hub-context.ts";

type Method = "GET" | "PUT" | "PATCH" | "POST" | "DELETE";

/** Adds a route that only a caller with this right may use. */
export function addRoute(
  app: FastifyInstance,
  services: HubContext,
  method: Method,
  url: string,
  right: Permission,
  handler: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>,
): void {
  app.route({
    method,
    url,
    onRequest: async (request) => {
      checkApiVersion(request);
      const { names, policies, clock } = services;
      const around = { names, policies, nowMs: clock.nowMs() };
      const verdict = authorizeService(request.headers.authorization, right, pathSegments(request), around);
      if (!verdict.ok) throw new RequestError(unauthorized(verdict.why));
    },
    handler,
  });
}

/** Answers compact JSON, keys in the order they were given. */
export function sendJson(reply: FastifyReply, value: object): FastifyReply {
  return reply.code(200).header("content-type", "application/json; charset=utf-8").send(JSON.stringify(value));
}

/** The body as JSON, or a refusal. */
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

/** A named part of the path, decoded. */
export function pathPart(request: FastifyRequest, name: string): string {
  const part = isJsonObject(request.params) ? ownProperty(request.params, name) : undefined;
  return typeof part === "string" ? part : "";
}

export function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

export function queryParameter(request: FastifyRequest, name: string): string | undefined {
  return new URL(request.url, "https://localhost").searchParams.get(name) ?? undefined;
}

/** Dated as the real ones are; which date it is makes no difference here. The hub's own pages need none. */
function checkApiVersion(request: FastifyRequest): void {
  if (request.url.startsWith("/local-hub/")) return;
  const version = queryParameter(request, "api-version");
  if (version !== undefined && /^20\d\d-\d\d-\d\d(-preview)?$/.test(version)) return;
  const said = version === undefined ? "it is missing" : `'${version}' is none`;
  throw new RequestError(invalidProtocolVersion(`add api-version=2021-04-12 to the URI: ${said}`));
}

function pathSegments(request: FastifyRequest): string[] {
  const path = request.url.split("?")[0] ?? "";
  return path
    .split("/")
    .filter((segment) => segment !== "")
    .map((segment) => decodeURIComponent(segment));
}
