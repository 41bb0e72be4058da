import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import type { HubContext } from "./hub-context.ts";
import type { TelemetryEvent } from "../telemetry/event.ts";
import { addRoute, queryParameter, sendJson } from "./route.ts";

/**
 * What the real hub shows elsewhere: telemetry at an Event Hubs endpoint, here at GET /local-hub/events as lines of JSON. With
 * `follow=true` the answer goes on as events come in; `deviceId` and `moduleId` choose.
 */
export function addLocalRoutes(app: FastifyInstance, services: HubContext): void {
  addRoute(app, services, "GET", "/local-hub/events", "ServiceConnect", async (request, reply) => {
    const deviceId = queryParameter(request, "deviceId");
    const moduleId = queryParameter(request, "moduleId");
    const chosen = (event: TelemetryEvent): boolean =>
      (deviceId === undefined || event.deviceId === deviceId) &&
      (moduleId === undefined || event.moduleId === moduleId);
    const kept = services.telemetry.events().filter(chosen);
    reply.header("content-type", "application/x-ndjson; charset=utf-8");
    if (queryParameter(request, "follow") !== "true") return reply.send(kept.map(line).join(""));
    const stream = new Readable({ read: () => {} });
    const stop = services.telemetry.follow((event) => {
      if (chosen(event)) stream.push(line(event));
    });
    // The caller hangs up when it has seen enough.
    request.raw.on("close", () => {
      stop();
      stream.destroy();
    });
    for (const event of kept) stream.push(line(event));
    return reply.send(stream);
  });

  addRoute(app, services, "GET", "/local-hub/status", "ServiceConnect", async (_request, reply) => {
    const { registry, connections: link } = services;
    const devices = registry.devices().map(({ identity, modules }) => ({
      deviceId: identity.deviceId,
      status: identity.status,
      connected: link.isConnected({ deviceId: identity.deviceId }),
      modules: [...modules.values()].map(({ identity: { moduleId } }) => ({
        moduleId,
        connected: link.isConnected({ deviceId: identity.deviceId, moduleId }),
      })),
    }));
    return sendJson(reply, { hubName: services.hubName, devices });
  });
}

function line(event: TelemetryEvent): string {
  return `${JSON.stringify(event)}\n`;
}
