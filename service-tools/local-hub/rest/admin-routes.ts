import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import { faultKind, faultNames } from "../faults/catalog.ts";
import type { Fault } from "../faults/fault.ts";
import { InvalidFault } from "../faults/request.ts";
import { argumentInvalid } from "../lib/error-catalog.ts";
import { RequestError } from "../lib/error-response.ts";
import { isJsonObject } from "../lib/json.ts";
import type { JsonObject } from "../lib/json.ts";
import { queryParameter } from "../lib/url.ts";
import type { TelemetryEvent } from "../telemetry/event.ts";
import type { HubContext } from "./hub-context.ts";
import { addRoute, jsonObjectBody, pathPart, sendJson } from "./route.ts";

/* The hub's own pages, below /local-hub. The real hub has none of them. */

/**
 * GET /local-hub/events: telemetry, as lines of JSON; the real hub has an Event Hubs endpoint for it. With `follow=true` the
 * response continues with new events; `deviceId` and `moduleId` select.
 */
export function addEventRoutes(app: FastifyInstance, context: HubContext): void {
  addRoute(app, context, "GET", "/local-hub/events", "ServiceConnect", async (request, reply) => {
    const deviceId = queryParameter(request.url, "deviceId");
    const moduleId = queryParameter(request.url, "moduleId");
    const isSelected = (event: TelemetryEvent): boolean =>
      (deviceId === undefined || event.deviceId === deviceId) &&
      (moduleId === undefined || event.moduleId === moduleId);
    const stored = context.telemetry.events().filter(isSelected);
    reply.header("content-type", "application/x-ndjson; charset=utf-8");
    if (queryParameter(request.url, "follow") !== "true") return reply.send(stored.map(jsonLine).join(""));
    const stream = new Readable({ read: () => {} });
    const stop = context.telemetry.follow((event) => {
      if (isSelected(event)) stream.push(jsonLine(event));
    });
    // The client closes the connection when it has seen enough.
    request.raw.on("close", () => {
      stop();
      stream.destroy();
    });
    for (const event of stored) stream.push(jsonLine(event));
    return reply.send(stream);
  });
}

function jsonLine(event: TelemetryEvent): string {
  return `${JSON.stringify(event)}\n`;
}

/** GET /local-hub/status: the devices and modules, and which of them are connected. */
export function addStatusRoute(app: FastifyInstance, context: HubContext): void {
  addRoute(app, context, "GET", "/local-hub/status", "ServiceConnect", async (_request, reply) => {
    const { registry, connections } = context;
    const devices = registry.devices().map(({ identity, modules }) => ({
      deviceId: identity.deviceId,
      status: identity.status,
      connected: connections.isConnected({ deviceId: identity.deviceId }),
      modules: [...modules.values()].map(({ identity: { moduleId } }) => ({
        moduleId,
        connected: connections.isConnected({ deviceId: identity.deviceId, moduleId }),
      })),
    }));
    return sendJson(reply, { hubName: context.hubName, devices });
  });
}

/**
 * GET /local-hub/fault-kinds: all faults, by name. GET /local-hub/faults: the added ones. POST there takes `name`,
 * `parameters` and `options`; DELETE ends one, or all.
 */
export function addFaultRoutes(app: FastifyInstance, context: HubContext): void {
  const { faults } = context;
  addRoute(app, context, "GET", "/local-hub/fault-kinds", "Faults", async (_request, reply) =>
    sendJson(reply, Object.fromEntries(faultNames().map((name) => [name, faultKind(name)]))),
  );
  addRoute(app, context, "GET", "/local-hub/faults", "Faults", async (_request, reply) =>
    sendJson(reply, faults.list().map(faultDocument)),
  );
  addRoute(app, context, "POST", "/local-hub/faults", "Faults", async (request, reply) =>
    sendJson(reply, faultDocument(addFault(context, jsonObjectBody(request)))),
  );
  addRoute(app, context, "DELETE", "/local-hub/faults", "Faults", async (_request, reply) => {
    await faults.clear();
    return sendJson(reply, []);
  });
  addRoute(app, context, "DELETE", "/local-hub/faults/:id", "Faults", async (request, reply) => {
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
  if (unknown.length > 0) {
    throw invalidArgument(`The body has unknown keys: ${unknown.join(", ")}. Valid: name, parameters, options.`);
  }
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

function invalidArgument(message: string): RequestError {
  return new RequestError(argumentInvalid(message));
}

/** `struck` is the name of the hits in this document. */
function faultDocument({ id, name, parameters, options, state, hits }: Fault): object {
  return { id, name, parameters, options, state, struck: hits };
}
