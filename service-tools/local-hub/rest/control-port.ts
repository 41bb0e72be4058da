import { createServer } from "node:https";
import type { FastifyInstance } from "fastify";
import { networkWithoutFaults } from "../network/no-faults.ts";
import { tlsContext, TlsFrontend } from "../network/tls-frontend.ts";
import type { ServerDeps } from "../network/servers.ts";

/**
 * Serves the hub's own pages once more, at a port that no fault acts on: whoever has closed all the others must be able to open them
 * again. The port is another one at each start; `context.json` has it.
 */
export async function openControlPort(
  { credentials, services: { clock, log }, openPorts, atEnd }: ServerDeps,
  api: FastifyInstance,
): Promise<number> {
  const certificate = credentials.server;
  const server = createServer(tlsContext(certificate), (request, response) => {
    if (request.url?.startsWith("/local-hub/") === true) api.routing(request, response);
    else response.writeHead(404).end();
  });
  const front = new TlsFrontend({
    port: 0,
    name: "control",
    endpoints: [],
    server,
    certificate,
    network: networkWithoutFaults(clock, log),
    log,
  });
  await front.open();
  openPorts.push(front.port);
  atEnd(() => front.close());
  return front.port;
}
