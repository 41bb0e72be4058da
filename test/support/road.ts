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

/** A TCP connection with what the system said of its end: "FIN", or the code of an error (ECONNRESET for RST). */
export interface Road {
  readonly socket: Socket;
  readonly fate: Promise<string>;
}

/** Opens a TCP connection; rejects with the system's error when nobody takes it. */
export async function openRoad(port: number, host = "127.0.0.1"): Promise<Road> {
  const socket = connectTcp({ port, host });
  onTestFinished(() => void socket.destroy());
  const fate = fateOf(socket);
  await once(socket, "connect");
  return { socket, fate };
}

async function fateOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.on("end", () => resolve("FIN"));
    socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

/** One connection through a way into the hub, over a road that can be watched. */
export interface Traveller {
  readonly road: Road;
  /** Asks for something, and resolves when the answer is here. */
  ask(): Promise<void>;
}

export const portsOf: Record<Endpoint, (hub: LocalHub) => number> = {
  mqtt: ({ ports }) => ports.mqtt,
  websockets: ({ ports }) => ports.https,
  rest: ({ ports }) => ports.https,
  images: ({ ports }) => ports.images,
};

/** Goes in as this device (over REST and to the images: as anybody). Resolves when it has been let in. */
export async function travel(hub: LocalHub, surface: Endpoint, deviceId = "board-1"): Promise<Traveller> {
  const { socket } = await openRoad(portsOf[surface](hub));
  const secured = connectTls({ socket, ca: hub.ca, servername: "localhost" });
  // From here on it is TLS that hears of the road's end.
  const road = { socket, fate: fateOf(secured) };
  if (surface === "rest" || surface === "images") {
    await once(secured, "secureConnect");
    return { road, ask: () => get(secured) };
  }
  return { road, ask: await mqttOver(hub, deviceId, surface === "mqtt" ? secured : webSocket(secured)) };
}

/** Begins with TLS on a road, and tells how the road ends. */
export async function sayHello(hub: LocalHub, socket: Socket): Promise<string> {
  return fateOf(connectTls({ socket, ca: hub.ca, servername: "localhost" }).resume());
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
