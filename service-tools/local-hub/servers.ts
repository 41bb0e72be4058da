import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { Duplex } from "node:stream";
import { createServer as createTlsServer } from "node:tls";
import type { FastifyInstance } from "fastify";
import type { Broker } from "./gateway/broker.ts";
import { serveWebSockets } from "./gateway/web-sockets.ts";
import { networkWithoutFaults } from "./network/faulty-socket.ts";
import type { FaultySocket, NetworkContext } from "./network/faulty-socket.ts";
import { TlsFrontend, tlsContext } from "./network/tls-frontend.ts";
import type { LocalHubOptions } from "./options.ts";
import type { HubContext } from "./rest/hub-context.ts";
import { createRestApi } from "./rest/server.ts";
import { readPorts, savePorts } from "./storage/persisted-settings.ts";
import type { HubPorts } from "./storage/persisted-settings.ts";
import type { Credentials } from "./tls/credentials.ts";

const STANDARD_PORTS = { mqtt: 8883, https: 443 };
const FREE_PORTS = { mqtt: 0, https: 0 };
/**
 * The same as fastify's own servers. Node's default is 5 s: clients that keep connections open, as the service SDK does,
 * would now and then get ECONNRESET in the middle of a call.
 */
const KEEP_ALIVE_TIMEOUT_MS = 72_000;

export interface ServerDeps {
  readonly options: LocalHubOptions;
  readonly context: HubContext;
  readonly broker: Broker;
  readonly credentials: Credentials;
  readonly network: NetworkContext;
  /** Each port is added when it is open: from then on a token may name it. */
  readonly openPorts: number[];
  readonly onShutdown: (step: () => Promise<void>) => void;
}

export interface OpenPorts {
  readonly ports: HubPorts;
  /** The port on which no fault acts. */
  readonly controlPort: number;
}

/** Opens MQTT, HTTPS (with WebSockets), the control port and the image server, and saves their ports for the next start. */
export async function openServers(deps: ServerDeps): Promise<OpenPorts> {
  const { options, context, onShutdown } = deps;
  const { folder, standardPorts = false } = options;
  const saved = await readPorts(folder);
  const wanted = { ...saved, ...options.ports, ...(standardPorts ? STANDARD_PORTS : {}) };
  const mqtt = await openMqtt(deps, wanted.mqtt ?? 0);
  const api = await createRestApi(context);
  onShutdown(() => api.close());
  const https = await openHttps(deps, api, wanted.https ?? 0);
  const controlPort = await openControlPort(deps, api);
  const images = await openImages(deps, wanted.images ?? 0);
  const ports = { mqtt, https, images };
  // A start with the standard ports keeps the saved ones.
  await savePorts(folder, standardPorts ? { ...(saved ?? FREE_PORTS), images } : ports);
  return { ports, controlPort };
}

async function openMqtt(deps: ServerDeps, port: number): Promise<number> {
  const { broker, credentials, network, context } = deps;
  const certificate = credentials.server;
  const server = createTlsServer(tlsContext(certificate));
  const frontend = new TlsFrontend({
    port,
    name: "MQTT",
    endpoints: ["mqtt"],
    server,
    certificate,
    network,
    log: context.log,
  });
  server.on("secureConnection", (socket) => broker.handle(socket, requireSocket(frontend, socket)));
  return openFrontend(deps, frontend);
}

async function openHttps(deps: ServerDeps, api: FastifyInstance, port: number): Promise<number> {
  const { broker, credentials, network, context } = deps;
  const certificate = credentials.server;
  const server = createHttpsServer(tlsContext(certificate));
  server.keepAliveTimeout = KEEP_ALIVE_TIMEOUT_MS;
  const frontend = new TlsFrontend({
    port,
    name: "HTTPS",
    endpoints: ["websockets", "rest"],
    server,
    certificate,
    network,
    log: context.log,
  });
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    requireSocket(frontend, request.socket).setEndpoint("rest");
    api.routing(request, response);
  });
  const handleMqtt = (stream: Duplex, request: IncomingMessage): void => {
    const socket = requireSocket(frontend, request.socket);
    socket.setEndpoint("websockets");
    broker.handle(stream, socket, request);
  };
  serveWebSockets(server, handleMqtt, context.log);
  return openFrontend(deps, frontend);
}

/**
 * Serves the hub's own pages (/local-hub/…) a second time, on a port where no fault acts: faults that close the other ports
 * must be ended somewhere. The port differs at each start; `context.json` has it.
 */
async function openControlPort(deps: ServerDeps, api: FastifyInstance): Promise<number> {
  const { credentials, context } = deps;
  const certificate = credentials.server;
  const server = createHttpsServer(tlsContext(certificate), (request, response) => {
    if (request.url?.startsWith("/local-hub/") === true) api.routing(request, response);
    else response.writeHead(404).end();
  });
  const frontend = new TlsFrontend({
    port: 0,
    name: "control",
    endpoints: [],
    server,
    certificate,
    network: networkWithoutFaults(context.clock, context.log),
    log: context.log,
  });
  return openFrontend(deps, frontend);
}

async function openFrontend({ openPorts, onShutdown }: ServerDeps, frontend: TlsFrontend): Promise<number> {
  await frontend.open();
  openPorts.push(frontend.port);
  onShutdown(() => frontend.close());
  return frontend.port;
}

async function openImages(deps: ServerDeps, port: number): Promise<number> {
  const { options, credentials, network, context, onShutdown } = deps;
  const { startImages, folder } = options;
  const server = await startImages({ folder, port, ...credentials.server, network, log: context.log });
  onShutdown(() => server.close());
  return server.port;
}

function requireSocket(frontend: TlsFrontend, tlsSocket: Duplex): FaultySocket {
  const socket = frontend.socketUnder(tlsSocket);
  if (socket === undefined) throw new Error("Unknown TLS connection: Node's handshakes have changed.");
  return socket;
}
