import { createServer } from "node:https";
import type { FastifyInstance } from "fastify";
import { calmNetwork } from "../network/no-faults.ts";
import { contextOf, Front } from "../network/tls-frontend.ts";
import type { Ground } from "../network/servers.ts";

/**
 * Serves the hub's own pages once more, at a port that no fault acts on: whoever has closed all the others must be able to open them
 * again. The port is another one at each start; `context.json` has it.
 */
export async function openControlPort(
  { credentials, services: { clock, log }, openPorts, atEnd }: Ground,
  api: FastifyInstance,
): Promise<number> {
  const certificate = credentials.server;
  const server = createServer(contextOf(certificate), (request, response) => {
    if (request.url?.startsWith("/local-hub/") === true) api.routing(request, response);
    else response.writeHead(404).end();
  });
  const front = new Front({
    port: 0,
    what: "control",
    surfaces: [],
    server,
    certificate,
    ground: calmNetwork(clock, log),
    log,
  });
  await front.open();
  openPorts.push(front.port);
  atEnd(() => front.close());
  return front.port;
}
