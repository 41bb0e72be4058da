import type { FastifyInstance } from "fastify";
import { ownProperty } from "../lib/json.ts";
import type { Json, JsonObject } from "../lib/json.ts";
import { QuerySyntaxError } from "../query/lexer.ts";
import { pageOf, parsePageSize, itemType, runQuery } from "../query/run.ts";
import { parseQuery } from "../query/parser.ts";
import type { CollectionName, Query } from "../query/query.ts";
import { RequestError } from "../lib/error-response.ts";
import { argumentNull, badQuery } from "../lib/error-catalog.ts";
import type { HubContext } from "./hub-context.ts";
import { requireTwin } from "./twins.ts";
import { twinDocument } from "../registry/documents.ts";
import { addRoute, header, jsonObjectBody, sendJson } from "./route.ts";

/** "Query expressions can have a maximum length of 8192 characters", query-twins. */
const QUERY_LIMIT = 8192;

/** Queries: https://learn.microsoft.com/rest/api/iothub/service/query/get-twins. */
export function addQueryRoutes(app: FastifyInstance, context: HubContext): void {
  addRoute(app, context, "POST", "/devices/query", "ServiceConnect", async (request, reply) => {
    const text = readText(ownProperty(jsonObjectBody(request), "query"));
    const query = parse(text);
    const size = parsePageSize(header(request, "x-ms-max-item-count"));
    if (size === undefined) throw new RequestError(badQuery("x-ms-max-item-count must be a whole number from 1"));
    const rows = runQuery(query, documents(context, query.from));
    const page = pageOf(rows, text, size, header(request, "x-ms-continuation"));
    if (page === undefined) throw new RequestError(badQuery("x-ms-continuation is not a token of this query"));
    if (page.continuation !== undefined) reply.header("x-ms-continuation", page.continuation);
    return sendJson(reply.header("x-ms-item-type", itemType(query)), page.items);
  });
}

function readText(value: Json | undefined): string {
  // Azure/azure-iot-sdks #941 records this answer to a query that is missing.
  if (typeof value !== "string" || value.trim() === "") throw new RequestError(argumentNull("BadRequest"));
  if (value.length <= QUERY_LIMIT) return value;
  throw new RequestError(badQuery(`the query is longer than ${QUERY_LIMIT} characters`));
}

function parse(text: string): Query {
  try {
    return parseQuery(text);
  } catch (error) {
    if (error instanceof QuerySyntaxError) throw new RequestError(badQuery(error.message));
    throw error;
  }
}

/** The documents of a collection, ordered by their ids, so that a page continues where the last one ended. */
function documents(context: HubContext, from: CollectionName): JsonObject[] {
  if (from === "devices.jobs") throw new RequestError(badQuery("this hub has no jobs to query"));
  const targets = context.registry
    .targets()
    .filter(({ moduleId }) => (moduleId !== undefined) === (from === "devices.modules"))
    .sort((a, b) => compare(a.deviceId, b.deviceId) || compare(a.moduleId ?? "", b.moduleId ?? ""));
  return targets.map((target) => {
    const { owner, twin } = requireTwin(context, target);
    return twinDocument(owner, twin, "query");
  });
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
