import type { FastifyInstance } from "fastify";
import { targetName } from "../registry/ids.ts";
import { parseMethodRequest } from "../methods/request.ts";
import { RequestError, valueOrThrow } from "../lib/error-response.ts";
import { methodTargetNotFound } from "../lib/error-catalog.ts";
import type { HubContext } from "./hub-context.ts";
import { addRoute, jsonBody, sendJson } from "./route.ts";
import { twinTarget } from "./twins.ts";

/** Direct methods: https://learn.microsoft.com/rest/api/iothub/service/devices/invoke-method and …/modules/invoke-method. */
export function addMethodRoutes(app: FastifyInstance, services: HubContext): void {
  for (const url of ["/twins/:deviceId/methods", "/twins/:deviceId/modules/:moduleId/methods"]) {
    addRoute(app, services, "POST", url, "ServiceConnect", async (request, reply) => {
      const target = twinTarget(request);
      const call = valueOrThrow(parseMethodRequest(jsonBody(request)));
      if (services.registry.find(target) === undefined) {
        throw new RequestError(methodTargetNotFound(targetName(target)));
      }
      return sendJson(reply, valueOrThrow(await services.methods.invoke(target, call)));
    });
  }
}
