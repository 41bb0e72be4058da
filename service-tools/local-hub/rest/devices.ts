import type { FastifyInstance } from "fastify";
import { identityEtag } from "../registry/identity.ts";
import { deviceDocument } from "../registry/documents.ts";
import type { DeviceRecord } from "../registry/record.ts";
import { RequestError } from "../lib/error-response.ts";
import { argumentInvalid } from "../lib/error-catalog.ts";
import { applyBulk, parseBulkRequest } from "../registry/bulk.ts";
import type { HubContext } from "./hub-context.ts";
import { queryParameter } from "../lib/url.ts";
import { addRoute, header, jsonBody, jsonObjectBody, pathPart, sendJson } from "./route.ts";

/** "List up to 1000 identities", iot-hub-devguide-identity-registry. */
const LIST_LIMIT = 1000;

/** Device identities: https://learn.microsoft.com/rest/api/iothub/service/devices and …/bulk-registry. */
export function addDeviceRoutes(app: FastifyInstance, context: HubContext): void {
  const { registry, connections } = context;
  const document = ({ identity, activity }: DeviceRecord): object =>
    deviceDocument(identity, activity, connections.isConnected({ deviceId: identity.deviceId }));

  addRoute(app, context, "GET", "/devices", "RegistryRead", async (request, reply) => {
    const top = readTop(queryParameter(request.url, "top"));
    return sendJson(reply, registry.devices().slice(0, top).map(document));
  });

  addRoute(app, context, "GET", "/devices/:deviceId", "RegistryRead", async (request, reply) => {
    const record = registry.requireDevice(pathPart(request, "deviceId"));
    return sendJson(reply.header("etag", quotedEtag(record)), document(record));
  });

  addRoute(app, context, "PUT", "/devices/:deviceId", "RegistryWrite", async (request, reply) => {
    const body = jsonObjectBody(request);
    const record = await registry.putDevice(pathPart(request, "deviceId"), body, header(request, "if-match"));
    return sendJson(reply.header("etag", quotedEtag(record)), document(record));
  });

  addRoute(app, context, "DELETE", "/devices/:deviceId", "RegistryWrite", async (request, reply) => {
    await registry.deleteDevice(pathPart(request, "deviceId"), header(request, "if-match"));
    return reply.code(204).send();
  });

  addRoute(app, context, "POST", "/devices", "RegistryWrite", async (request, reply) => {
    const result = await applyBulk(registry, parseBulkRequest(jsonBody(request)), context.clock);
    return sendJson(reply, result).code(result.isSuccessful ? 200 : 400);
  });
}

function quotedEtag({ identity }: DeviceRecord): string {
  return `"${identityEtag(identity.etagCounter)}"`;
}

function readTop(text: string | undefined): number {
  if (text === undefined) return LIST_LIMIT;
  const top = Number(text);
  if (Number.isInteger(top) && top >= 1 && top <= LIST_LIMIT) return top;
  throw new RequestError(argumentInvalid(`top must be a whole number from 1 to ${LIST_LIMIT}, not '${text}'.`));
}

/** Statistics: https://learn.microsoft.com/rest/api/iothub/service/statistics. */
export function addStatisticsRoutes(app: FastifyInstance, context: HubContext): void {
  addRoute(app, context, "GET", "/statistics/devices", "RegistryRead", async (_request, reply) => {
    const devices = context.registry.devices();
    const enabled = devices.filter(({ identity }) => identity.status === "enabled").length;
    return sendJson(reply, {
      totalDeviceCount: devices.length,
      enabledDeviceCount: enabled,
      disabledDeviceCount: devices.length - enabled,
    });
  });

  addRoute(app, context, "GET", "/statistics/service", "ServiceConnect", async (_request, reply) =>
    sendJson(reply, { connectedDeviceCount: context.connections.connectedCount() }),
  );
}
