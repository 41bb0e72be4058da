import type { FastifyInstance } from "fastify";
import { identityEtag } from "../registry/etag.ts";
import { deviceDocument } from "../registry/identity.ts";
import type { DeviceRecord } from "../registry/record.ts";
import { RequestError } from "../lib/error-response.ts";
import { argumentInvalid } from "../lib/error-catalog.ts";
import { applyBulk, parseBulkRequest } from "../registry/bulk.ts";
import type { HubContext } from "./hub-context.ts";
import { addRoute, header, jsonBody, jsonObjectBody, pathPart, queryParameter, sendJson } from "./route.ts";

/** "List up to 1000 identities", iot-hub-devguide-identity-registry. */
const LIST_LIMIT = 1000;

/** Device identities: https://learn.microsoft.com/rest/api/iothub/service/devices and …/bulk-registry. */
export function addDeviceRoutes(app: FastifyInstance, services: HubContext): void {
  const { registry, connections: link } = services;
  const document = ({ identity, activity }: DeviceRecord): object =>
    deviceDocument(identity, activity, link.isConnected({ deviceId: identity.deviceId }));

  addRoute(app, services, "GET", "/devices", "RegistryRead", async (request, reply) => {
    const top = readTop(queryParameter(request, "top"));
    return sendJson(reply, registry.devices().slice(0, top).map(document));
  });

  addRoute(app, services, "GET", "/devices/:deviceId", "RegistryRead", async (request, reply) => {
    const record = registry.requireDevice(pathPart(request, "deviceId"));
    return sendJson(reply.header("etag", quotedEtag(record)), document(record));
  });

  addRoute(app, services, "PUT", "/devices/:deviceId", "RegistryWrite", async (request, reply) => {
    const body = jsonObjectBody(request);
    const record = await registry.putDevice(pathPart(request, "deviceId"), body, header(request, "if-match"));
    return sendJson(reply.header("etag", quotedEtag(record)), document(record));
  });

  addRoute(app, services, "DELETE", "/devices/:deviceId", "RegistryWrite", async (request, reply) => {
    await registry.deleteDevice(pathPart(request, "deviceId"), header(request, "if-match"));
    return reply.code(204).send();
  });

  addRoute(app, services, "POST", "/devices", "RegistryWrite", async (request, reply) => {
    const result = await applyBulk(registry, parseBulkRequest(jsonBody(request)), services.clock);
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
