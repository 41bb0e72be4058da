import type { FastifyInstance } from "fastify";
import type { HubContext } from "./hub-context.ts";
import { addRoute, sendJson } from "./route.ts";

/** Statistics: https://learn.microsoft.com/rest/api/iothub/service/statistics. */
export function addStatisticsRoutes(app: FastifyInstance, services: HubContext): void {
  addRoute(app, services, "GET", "/statistics/devices", "RegistryRead", async (_request, reply) => {
    const devices = services.registry.devices();
    const enabled = devices.filter(({ identity }) => identity.status === "enabled").length;
    return sendJson(reply, {
      totalDeviceCount: devices.length,
      enabledDeviceCount: enabled,
      disabledDeviceCount: devices.length - enabled,
    });
  });

  addRoute(app, services, "GET", "/statistics/service", "ServiceConnect", async (_request, reply) =>
    sendJson(reply, { connectedDeviceCount: services.connections.connectedCount() }),
  );
}
