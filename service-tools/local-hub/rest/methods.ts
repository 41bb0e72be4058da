import type { FastifyInstance } from "fastify";
import { targetName } from "../registry/ids.ts";
import { readMethodRequest } from "../methods/request.ts";
import { RefusedRequest, orRefuse } from "../lib/error-response.ts";
import { methodTargetNotFound } from "../lib/error-catalog.ts";
import type { HubServices } from "./hub-context.ts";
import { addRoute, jsonBody, sendJson } from "./route.ts";
import { twinTarget } from "./twins.ts";

/** Direct methods: https://learn.microsoft.com/rest/api/iothub/service/devices/invoke-method and …/modules/invoke-method. */
export function addMethodRoutes(app: FastifyInstance, services: HubServices): void {
  for (const url of ["/twins/:deviceId/methods", "/twins/:deviceId/modules/:moduleId/methods"]) {
    addRoute(app, services, "POST", url, "ServiceConnect", async (request, reply) => {
      const target = twinTarget(request);
      const call = orRefuse(readMethodRequest(jsonBody(request)));
      if (services.registry.find(target) === undefined) {
        throw new RefusedRequest(methodTargetNotFound(targetName(target)));
      }
      return sendJson(reply, orRefuse(await services.methods.invoke(target, call)));
    });
  }
}
