import { once } from "node:events";
import { request } from "node:http";
import { connect as connectTcp } from "node:net";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import type { TLSSocket } from "node:tls";
import { MqttClient } from "mqtt";
import { onTestFinished } from "vitest";
import { WebSocket, createWebSocketStream } from "ws";
import type { Endpoint } from "../../service-tools/local-hub/faults/fault-kind.ts";
import type { LocalHub } from "../../service-tools/local-hub/options.ts";
import { rawOptions } from "./raw-mqtt.ts";

/** A TCP connection and how the other side closed it: "FIN", or the code of an error (ECONNRESET for RST). */
export interface TcpConnection {
  readonly socket: Socket;
  readonly closedBy: Promise<string>;
}

/** Opens a TCP connection; rejects with the system's error when it is not accepted. */
export async function openTcp(port: number, host = "127.0.0.1"): Promise<TcpConnection> {
  const socket = connectTcp({ port, host });
  onTestFinished(() => void socket.destroy());
  const closedBy = closingOf(socket);
  await once(socket, "connect");
  return { socket, closedBy };
}

async function closingOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.on("end", () => resolve("FIN"));
    socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

/** A client of one of the endpoints of the hub, with the TCP connection under it. */
export interface EndpointClient {
  readonly tcp: TcpConnection;
  /** Sends a request; resolves when the response has arrived. */
  ask(): Promise<void>;
}

export const portsOf: Record<Endpoint, (hub: LocalHub) => number> = {
  mqtt: ({ ports }) => ports.mqtt,
  websockets: ({ ports }) => ports.https,
  rest: ({ ports }) => ports.https,
  images: ({ ports }) => ports.images,
};

/** Connects as this device (to REST and to the images: as anybody). Resolves when the connection is accepted. */
export async function connectTo(hub: LocalHub, endpoint: Endpoint, deviceId = "board-1"): Promise<EndpointClient> {
  const { socket } = await openTcp(portsOf[endpoint](hub));
  const secured = connectTls({ socket, ca: hub.ca, servername: "localhost" });
  // From here on TLS gets the end of the connection.
  const tcp = { socket, closedBy: closingOf(secured) };
  if (endpoint === "rest" || endpoint === "images") {
    await once(secured, "secureConnect");
    return { tcp, ask: () => get(secured) };
  }
  return { tcp, ask: await mqttOver(hub, deviceId, endpoint === "mqtt" ? secured : webSocket(secured)) };
}

/** Begins TLS on a TCP connection; resolves with how it was closed. */
export async function beginTls(hub: LocalHub, socket: Socket): Promise<string> {
  return closingOf(connectTls({ socket, ca: hub.ca, servername: "localhost" }).resume());
}

function webSocket(secured: TLSSocket): Duplex {
  const socket = new WebSocket("wss://localhost/$iothub/websocket", "mqtt", { createConnection: () => secured });
  const stream = createWebSocketStream(socket);
  stream.on("error", () => undefined);
  return stream;
}

async function mqttOver(hub: LocalHub, deviceId: string, stream: Duplex): Promise<() => Promise<void>> {
  const client = new MqttClient(() => stream, rawOptions(hub, { deviceId }));
  client.on("error", () => undefined);
  onTestFinished(() => void client.end(true));
  await new Promise<void>((resolve) => client.once("connect", () => resolve()));
  await client.subscribeAsync("$iothub/twin/res/#");
  let rid = 0;
  return async () => {
    rid += 1;
    const topic = `$iothub/twin/GET/?$rid=${rid}`;
    const answered = new Promise<void>((resolve) => {
      client.on("message", (heard) => {
        if (heard === topic.replace("GET", "res/200")) resolve();
      });
    });
    client.publish(topic, "");
    await answered;
  };
}

async function get(secured: TLSSocket): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const headers = { host: "localhost", connection: "keep-alive" };
    const asked = request({ createConnection: () => secured, path: "/", headers });
    asked.on("response", (response) => response.resume().on("end", resolve));
    asked.on("error", reject);
    asked.end();
  });
}
