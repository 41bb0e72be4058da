import { createServer as createHttpsServer } from "node:https";
import { createServer as createTlsServer } from "node:tls";
import { startImageServer } from "../images/server.ts";
import { keepPorts, readPorts } from "./kept-settings.ts";
import type { HubPorts } from "./kept-settings.ts";
import { reasonOf } from "./log.ts";
import { listenOnLoopback } from "./loopback.ts";
import type { Broker } from "./mqtt/broker.ts";
import { serveWebSockets } from "./mqtt/web-sockets.ts";
import type { LocalHubOptions } from "./options.ts";
import { createRestApi } from "./rest/server.ts";
import type { HubServices } from "./services.ts";
import type { Credentials } from "./tls/credentials.ts";

const STANDARD_PORTS = { mqtt: 8883, https: 443 };
const FREE_PORTS = { mqtt: 0, https: 0 };

/** What the servers stand on. */
export interface Ground {
  readonly options: LocalHubOptions;
  readonly services: HubServices;
  readonly broker: Broker;
  readonly credentials: Credentials;
  /** Grows as ports are opened: from then on a token may name them. */
  readonly openPorts: number[];
  /** Takes the end of each thing that is started. */
  readonly atEnd: (end: () => Promise<void>) => void;
}

/** Opens MQTT, HTTPS (with WebSockets) and the image server, and keeps their ports for the next start. */
export async function openServers(ground: Ground): Promise<HubPorts> {
  const { options } = ground;
  const { folder, standardPorts = false } = options;
  const kept = await readPorts(folder);
  const wanted = { ...kept, ...options.ports, ...(standardPorts ? STANDARD_PORTS : {}) };
  const mqtt = await openMqtt(ground, wanted.mqtt ?? 0);
  const https = await openHttps(ground, wanted.https ?? 0);
  const images = await openImages(ground, wanted.images ?? 0);
  const ports = { mqtt, https, images };
  // A start with the standard ports does not make the hub forget its own.
  await keepPorts(folder, standardPorts ? { ...(kept ?? FREE_PORTS), images } : ports);
  return ports;
}

async function openMqtt({ broker, credentials, openPorts, services, atEnd }: Ground, port: number): Promise<number> {
  const { certificate: cert, privateKey: key } = credentials.server;
  const server = createTlsServer({ cert, key, minVersion: "TLSv1.2" }, (socket) => broker.handle(socket));
  server.on("tlsClientError", (error) => {
    services.log({ level: "info", message: "TLS handshake failed", what: "MQTT", why: reasonOf(error) });
  });
  const listening = await listenOnLoopback(server, port, "MQTT");
  openPorts.push(listening.port);
  atEnd(listening.close);
  return listening.port;
}

async function openHttps({ broker, credentials, openPorts, services, atEnd }: Ground, port: number): Promise<number> {
  const { certificate: cert, privateKey: key } = credentials.server;
  const api = await createRestApi(services);
  atEnd(() => api.close());
  const server = createHttpsServer({ cert, key, minVersion: "TLSv1.2" }, (request, response) => {
    api.routing(request, response);
  });
  server.on("tlsClientError", (error) => {
    services.log({ level: "info", message: "TLS handshake failed", what: "HTTPS", why: reasonOf(error) });
  });
  serveWebSockets(server, (stream, request) => broker.handle(stream, request), services.log);
  const listening = await listenOnLoopback(server, port, "HTTPS");
  openPorts.push(listening.port);
  atEnd(listening.close);
  return listening.port;
}

async function openImages({ options, credentials, services, atEnd }: Ground, port: number): Promise<number> {
  const { startImages = startImageServer, folder } = options;
  const listening = await startImages({ folder, port, ...credentials.server, log: services.log });
  atEnd(listening.close);
  return listening.port;
}
