import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { isoTime } from "../lib/clock.ts";
import { parseIfMatch, twinEtag } from "../registry/etag.ts";
import type { Target } from "../registry/ids.ts";
import { RequestError, valueOrThrow } from "../lib/error-response.ts";
import { twinEtagMismatch } from "../lib/error-catalog.ts";
import type { HubContext } from "./hub-context.ts";
import { requireTwin } from "../twins/require-twin.ts";
import { twinDocument } from "../twins/document.ts";
import { patchByService, replaceByService } from "../twins/twin.ts";
import { addRoute, header, jsonObjectBody, pathPart, sendJson } from "./route.ts";

/** Twins of devices and modules: https://learn.microsoft.com/rest/api/iothub/service/devices/get-twin and its neighbours. */
export function addTwinRoutes(app: FastifyInstance, services: HubContext): void {
  const write = async (
    request: FastifyRequest,
    reply: FastifyReply,
    change: typeof patchByService,
  ): Promise<FastifyReply> => {
    const target = twinTarget(request);
    const { owner, twin } = requireTwin(services, target);
    const asked = parseIfMatch(header(request, "if-match"));
    if (asked !== undefined && asked !== "any" && asked.etag !== twinEtag(twin.etagCounter)) {
      throw new RequestError(twinEtagMismatch(target.deviceId));
    }
    const written = valueOrThrow(change(twin, jsonObjectBody(request), isoTime(services.clock.nowMs())));
    await services.registry.writeTwin(target, written.twin);
    services.deviceMessages.notifyDesired(target, written);
    return sendJson(reply, twinDocument(owner, written.twin, "get"));
  };

  for (const url of ["/twins/:deviceId", "/twins/:deviceId/modules/:moduleId"]) {
    addRoute(app, services, "GET", url, "ServiceConnect", async (request, reply) => {
      const { owner, twin } = requireTwin(services, twinTarget(request));
      return sendJson(reply, twinDocument(owner, twin, "get"));
    });
    addRoute(app, services, "PATCH", url, "ServiceConnect", (request, reply) => write(request, reply, patchByService));
    addRoute(app, services, "PUT", url, "ServiceConnect", (request, reply) => write(request, reply, replaceByService));
  }
}

export function twinTarget(request: FastifyRequest): Target {
  const deviceId = pathPart(request, "deviceId");
  const moduleId = pathPart(request, "moduleId");
  return moduleId === "" ? { deviceId } : { deviceId, moduleId };
}
