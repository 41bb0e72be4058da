import type { FastifyInstance } from "fastify";
import { faultNames, kindOf } from "../faults/catalogue.ts";
import type { Fault } from "../faults/fault.ts";
import { BadFault } from "../faults/request.ts";
import { isJsonObject } from "../lib/json.ts";
import type { JsonObject } from "../lib/json.ts";
import { RefusedRequest } from "../lib/error-response.ts";
import { argumentInvalid } from "../lib/error-catalog.ts";
import type { HubServices } from "./hub-context.ts";
import { addRoute, jsonObjectBody, pathPart, sendJson } from "./route.ts";

/**
 * Faults by REST: what there is, by name, at GET /local-hub/fault-kinds, and at /local-hub/faults those that were added. POST takes `name`,
 * `parameters` and `options`; DELETE ends one, or all.
 */
export function addFaultPages(app: FastifyInstance, services: HubServices): void {
  const { faults } = services;
  addRoute(app, services, "GET", "/local-hub/fault-kinds", "Faults", async (_request, reply) =>
    sendJson(reply, Object.fromEntries(faultNames().map((name) => [name, kindOf(name)]))),
  );
  addRoute(app, services, "GET", "/local-hub/faults", "Faults", async (_request, reply) =>
    sendJson(reply, faults.list().map(shown)),
  );
  addRoute(app, services, "POST", "/local-hub/faults", "Faults", async (request, reply) =>
    sendJson(reply, shown(addFault(services, jsonObjectBody(request)))),
  );
  addRoute(app, services, "DELETE", "/local-hub/faults", "Faults", async (_request, reply) => {
    await faults.clear();
    return sendJson(reply, []);
  });
  addRoute(app, services, "DELETE", "/local-hub/faults/:id", "Faults", async (request, reply) => {
    const id = pathPart(request, "id");
    const fault = faults.list().find((one) => one.id === id);
    if (fault === undefined) throw bad(`There is no fault with the id '${id}'.`);
    await fault.off();
    return sendJson(reply, shown(fault));
  });
}

function addFault({ faults }: HubServices, body: JsonObject): Fault {
  const { name, parameters = {}, options = {}, ...rest } = body;
  const unknown = Object.keys(rest);
  if (unknown.length > 0) throw bad(`The body has name, parameters and options, and no ${unknown.join(", ")}.`);
  if (typeof name !== "string" || !isJsonObject(parameters) || !isJsonObject(options)) {
    throw bad("The body must have a string 'name', and may have the objects 'parameters' and 'options'.");
  }
  try {
    return faults.addUntyped(name, parameters, options);
  } catch (error) {
    if (error instanceof BadFault) throw bad(error.message);
    throw error;
  }
}

function bad(why: string): RefusedRequest {
  return new RefusedRequest(argumentInvalid(why));
}

function shown({ id, name, parameters, options, state, struck }: Fault): object {
  return { id, name, parameters, options, state, struck };
}
