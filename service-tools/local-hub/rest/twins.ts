import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { isoTime } from "../lib/clock.ts";
import { twinEtagMismatch } from "../lib/error-catalog.ts";
import { RequestError, valueOrThrow } from "../lib/error-response.ts";
import type { Target } from "../lib/target.ts";
import { twinDocument } from "../registry/documents.ts";
import type { TwinOwner } from "../registry/documents.ts";
import { parseIfMatch, twinEtag } from "../registry/identity.ts";
import { patchByService, replaceByService } from "../twins/twin.ts";
import type { Twin } from "../twins/twin.ts";
import type { HubContext } from "./hub-context.ts";
import { addRoute, header, jsonObjectBody, pathTarget, sendJson } from "./route.ts";

/** Twins of devices and modules: https://learn.microsoft.com/rest/api/iothub/service/devices/get-twin and the like. */
export function addTwinRoutes(app: FastifyInstance, context: HubContext): void {
  const write = async (
    request: FastifyRequest,
    reply: FastifyReply,
    change: typeof patchByService,
  ): Promise<FastifyReply> => {
    const target = pathTarget(request);
    const { owner, twin } = requireTwin(context, target);
    const ifMatch = parseIfMatch(header(request, "if-match"));
    if (ifMatch !== undefined && ifMatch !== "any" && ifMatch.etag !== twinEtag(twin.etagCounter)) {
      throw new RequestError(twinEtagMismatch(target.deviceId));
    }
    const result = valueOrThrow(change(twin, jsonObjectBody(request), isoTime(context.clock.nowMs())));
    await context.registry.writeTwin(target, result.twin);
    context.deviceMessages.notifyDesired(target, result);
    return sendJson(reply, twinDocument(owner, result.twin, "get"));
  };

  for (const url of ["/twins/:deviceId", "/twins/:deviceId/modules/:moduleId"]) {
    addRoute(app, context, "GET", url, "ServiceConnect", async (request, reply) => {
      const { owner, twin } = requireTwin(context, pathTarget(request));
      return sendJson(reply, twinDocument(owner, twin, "get"));
    });
    addRoute(app, context, "PATCH", url, "ServiceConnect", (request, reply) => write(request, reply, patchByService));
    addRoute(app, context, "PUT", url, "ServiceConnect", (request, reply) => write(request, reply, replaceByService));
  }
}

/** A twin and its owner. Throws a RequestError when there is no such device or module. */
export function requireTwin({ registry, connections }: HubContext, target: Target): { owner: TwinOwner; twin: Twin } {
  const device = registry.requireDevice(target.deviceId);
  const { status, statusReason, statusUpdatedTime, iotEdge } = device.identity;
  const record = target.moduleId === undefined ? device : registry.requireModule(target.deviceId, target.moduleId);
  const { identity, activity, twin } = record;
  const { etagCounter, authentication } = identity;
  const connected = connections.isConnected(target);
  const own = { target, etagCounter, authentication, activity, connected };
  return { owner: { ...own, status, statusReason, statusUpdatedTime, iotEdge }, twin };
}
