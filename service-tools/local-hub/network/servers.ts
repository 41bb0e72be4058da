import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { Duplex } from "node:stream";
import { createServer as createTlsServer } from "node:tls";
import type { FastifyInstance } from "fastify";
import { openControlPort } from "../rest/control-port.ts";
import { startImageServer } from "../../images/server.ts";
import { savePorts, readPorts } from "../storage/persisted-settings.ts";
import type { HubPorts } from "../storage/persisted-settings.ts";
import type { Broker } from "../gateway/broker.ts";
import { serveWebSockets } from "../gateway/web-sockets.ts";
import type { FaultySocket, NetworkContext } from "./faulty-socket.ts";
import { tlsContext, TlsFrontend } from "./tls-frontend.ts";
import type { LocalHubOptions } from "../options.ts";
import { createRestApi } from "../rest/server.ts";
import type { HubContext } from "../rest/hub-context.ts";
import type { Credentials } from "../tls/credentials.ts";

const STANDARD_PORTS = { mqtt: 8883, https: 443 };
const FREE_PORTS = { mqtt: 0, https: 0 };
/**
 * As servers that fastify makes itself. After Node's own 5 s, clients that keep connections, as the service SDK does, meet
 * their closing every now and then, as ECONNRESET in the middle of a call.
 */
const idleConnectionMs = 72_000;

/** What the servers stand on. */
export interface ServerDeps {
  readonly options: LocalHubOptions;
  readonly services: HubContext;
  readonly broker: Broker;
  readonly credentials: Credentials;
  readonly network: NetworkContext;
  /** Grows as ports are opened: from then on a token may name them. */
  readonly openPorts: number[];
  /** Takes the end of each thing that is started. */
  readonly atEnd: (end: () => Promise<void>) => void;
}

export interface OpenPorts {
  readonly ports: HubPorts;
  /** Where faults can be switched off, whatever has become of the others. */
  readonly controlPort: number;
}

/** Opens MQTT, HTTPS (with WebSockets) and the image server, and keeps their ports for the next start. */
export async function openServers(ground: ServerDeps): Promise<OpenPorts> {
  const { options } = ground;
  const { folder, standardPorts = false } = options;
  const kept = await readPorts(folder);
  const wanted = { ...kept, ...options.ports, ...(standardPorts ? STANDARD_PORTS : {}) };
  const mqtt = await openMqtt(ground, wanted.mqtt ?? 0);
  const api = await createRestApi(ground.services);
  ground.atEnd(() => api.close());
  const https = await openHttps(ground, api, wanted.https ?? 0);
  const controlPort = await openControlPort(ground, api);
  const images = await openImages(ground, wanted.images ?? 0);
  const ports = { mqtt, https, images };
  // A start with the standard ports does not make the hub forget its own.
  await savePorts(folder, standardPorts ? { ...(kept ?? FREE_PORTS), images } : ports);
  return { ports, controlPort };
}

async function openMqtt(
  { broker, credentials, network, openPorts, services, atEnd }: ServerDeps,
  port: number,
): Promise<number> {
  const certificate = credentials.server;
  const server = createTlsServer(tlsContext(certificate));
  const front = new TlsFrontend({
    port,
    name: "MQTT",
    endpoints: ["mqtt"],
    server,
    certificate,
    network: network,
    log: services.log,
  });
  server.on("secureConnection", (socket) => broker.handle(socket, requireSocket(front, socket)));
  await front.open();
  openPorts.push(front.port);
  atEnd(() => front.close());
  return front.port;
}

async function openHttps(
  { broker, credentials, network, openPorts, services, atEnd }: ServerDeps,
  api: FastifyInstance,
  port: number,
): Promise<number> {
  const certificate = credentials.server;
  const server = createHttpsServer(tlsContext(certificate));
  server.keepAliveTimeout = idleConnectionMs;
  const surfaces = ["websockets", "rest"] as const;
  const front = new TlsFrontend({
    port,
    name: "HTTPS",
    endpoints: surfaces,
    server,
    certificate,
    network: network,
    log: services.log,
  });
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    requireSocket(front, request.socket).setEndpoint("rest");
    api.routing(request, response);
  });
  const carry = (stream: Duplex, request: IncomingMessage): void => {
    const conduit = requireSocket(front, request.socket);
    conduit.setEndpoint("websockets");
    broker.handle(stream, conduit, request);
  };
  serveWebSockets(server, carry, services.log);
  await front.open();
  openPorts.push(front.port);
  atEnd(() => front.close());
  return front.port;
}

async function openImages(
  { options, credentials, network, services, atEnd }: ServerDeps,
  port: number,
): Promise<number> {
  const { startImages = startImageServer, folder } = options;
  const listening = await startImages({ folder, port, ...credentials.server, network, log: services.log });
  atEnd(() => listening.close());
  return listening.port;
}

function requireSocket(front: TlsFrontend, socket: Duplex): FaultySocket {
  const conduit = front.socketUnder(socket);
  if (conduit === undefined) throw new Error("A TLS connection has come from nowhere: Node's handshakes have changed.");
  return conduit;
}
