import type { FastifyInstance } from "fastify";
import { faultNames, faultKind } from "../faults/catalogue.ts";
import type { Fault } from "../faults/fault.ts";
import { InvalidFault } from "../faults/request.ts";
import { isJsonObject } from "../lib/json.ts";
import type { JsonObject } from "../lib/json.ts";
import { RequestError } from "../lib/error-response.ts";
import { argumentInvalid } from "../lib/error-catalog.ts";
import type { HubContext } from "./hub-context.ts";
import { addRoute, jsonObjectBody, pathPart, sendJson } from "./route.ts";

/**
 * Faults by REST: what there is, by name, at GET /local-hub/fault-kinds, and at /local-hub/faults those that were added. POST takes `name`,
 * `parameters` and `options`; DELETE ends one, or all.
 */
export function addFaultRoutes(app: FastifyInstance, services: HubContext): void {
  const { faults } = services;
  addRoute(app, services, "GET", "/local-hub/fault-kinds", "Faults", async (_request, reply) =>
    sendJson(reply, Object.fromEntries(faultNames().map((name) => [name, faultKind(name)]))),
  );
  addRoute(app, services, "GET", "/local-hub/faults", "Faults", async (_request, reply) =>
    sendJson(reply, faults.list().map(faultDocument)),
  );
  addRoute(app, services, "POST", "/local-hub/faults", "Faults", async (request, reply) =>
    sendJson(reply, faultDocument(addFault(services, jsonObjectBody(request)))),
  );
  addRoute(app, services, "DELETE", "/local-hub/faults", "Faults", async (_request, reply) => {
    await faults.clear();
    return sendJson(reply, []);
  });
  addRoute(app, services, "DELETE", "/local-hub/faults/:id", "Faults", async (request, reply) => {
    const id = pathPart(request, "id");
    const fault = faults.list().find((one) => one.id === id);
    if (fault === undefined) throw invalidArgument(`There is no fault with the id '${id}'.`);
    await fault.end();
    return sendJson(reply, faultDocument(fault));
  });
}

function addFault({ faults }: HubContext, body: JsonObject): Fault {
  const { name, parameters = {}, options = {}, ...rest } = body;
  const unknown = Object.keys(rest);
  if (unknown.length > 0)
    throw invalidArgument(`The body has name, parameters and options, and no ${unknown.join(", ")}.`);
  if (typeof name !== "string" || !isJsonObject(parameters) || !isJsonObject(options)) {
    throw invalidArgument("The body must have a string 'name', and may have the objects 'parameters' and 'options'.");
  }
  try {
    return faults.addUntyped(name, parameters, options);
  } catch (error) {
    if (error instanceof InvalidFault) throw invalidArgument(error.message);
    throw error;
  }
}

function invalidArgument(why: string): RequestError {
  return new RequestError(argumentInvalid(why));
}

function faultDocument({ id, name, parameters, options, state, hits: struck }: Fault): object {
  return { id, name, parameters, options, state, struck };
}
