import type { FastifyInstance } from "fastify";
import { moduleDocument } from "../registry/documents.ts";
import type { ModuleIdentity } from "../registry/identity.ts";
import { RequestError } from "../lib/error-response.ts";
import { unauthorizedModules } from "../lib/error-catalog.ts";
import type { DeviceRecord, IdentityRecord } from "../registry/record.ts";
import type { HubContext } from "./hub-context.ts";
import { addRoute, header, jsonObjectBody, pathPart, sendJson } from "./route.ts";

/** Module identities: https://learn.microsoft.com/rest/api/iothub/service/modules. */
export function addModuleRoutes(app: FastifyInstance, context: HubContext): void {
  const { registry, connections } = context;
  const document = ({ identity, activity }: IdentityRecord<ModuleIdentity>): object =>
    moduleDocument(identity, activity, connections.isConnected(identity));

  addRoute(app, context, "GET", "/devices/:deviceId/modules", "RegistryRead", async (request, reply) => {
    const { modules } = requireEnabledDevice(context, pathPart(request, "deviceId"));
    return sendJson(reply, [...modules.values()].map(document));
  });

  const url = "/devices/:deviceId/modules/:moduleId";
  addRoute(app, context, "GET", url, "RegistryRead", async (request, reply) => {
    const { identity } = requireEnabledDevice(context, pathPart(request, "deviceId"));
    return sendJson(reply, document(registry.requireModule(identity.deviceId, pathPart(request, "moduleId"))));
  });

  addRoute(app, context, "PUT", url, "RegistryWrite", async (request, reply) => {
    const { identity } = requireEnabledDevice(context, pathPart(request, "deviceId"));
    const moduleId = pathPart(request, "moduleId");
    const ifMatch = header(request, "if-match");
    const saved = await registry.putModule(identity.deviceId, moduleId, jsonObjectBody(request), ifMatch);
    return sendJson(reply, document(saved));
  });

  addRoute(app, context, "DELETE", url, "RegistryWrite", async (request, reply) => {
    const { identity } = requireEnabledDevice(context, pathPart(request, "deviceId"));
    await registry.deleteModule(identity.deviceId, pathPart(request, "moduleId"), header(request, "if-match"));
    return reply.code(204).send();
  });
}

/**
 * The device whose modules are requested. When it is missing or disabled, the real hub answers 401 to a caller with a SAS
 * token (recorded against a live hub: mwalser/terraform-provider-iothub, CONCEPT.md, "Modules").
 */
function requireEnabledDevice({ registry }: HubContext, deviceId: string): DeviceRecord {
  const record = registry.device(deviceId);
  if (record === undefined) throw new RequestError(unauthorizedModules(`the device '${deviceId}' is not registered`));
  if (record.identity.status === "enabled") return record;
  throw new RequestError(unauthorizedModules(`the device '${deviceId}' is disabled`));
}
