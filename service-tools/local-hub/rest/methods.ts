import type { FastifyInstance } from "fastify";
import { methodTargetNotFound } from "../lib/error-catalog.ts";
import { RequestError, valueOrThrow } from "../lib/error-response.ts";
import { targetName } from "../lib/target.ts";
import { parseMethodRequest } from "../methods/request.ts";
import type { HubContext } from "./hub-context.ts";
import { addRoute, jsonBody, pathTarget, sendJson } from "./route.ts";

/** Direct methods: https://learn.microsoft.com/rest/api/iothub/service/devices/invoke-method and …/modules/invoke-method. */
export function addMethodRoutes(app: FastifyInstance, context: HubContext): void {
  for (const url of ["/twins/:deviceId/methods", "/twins/:deviceId/modules/:moduleId/methods"]) {
    addRoute(app, context, "POST", url, "ServiceConnect", async (request, reply) => {
      const target = pathTarget(request);
      const call = valueOrThrow(parseMethodRequest(jsonBody(request)));
      if (context.registry.find(target) === undefined) {
        throw new RequestError(methodTargetNotFound(targetName(target)));
      }
      return sendJson(reply, valueOrThrow(await context.methods.invoke(target, call)));
    });
  }
}
