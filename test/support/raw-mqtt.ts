import { connect } from "mqtt";
import type { IClientOptions, MqttClient } from "mqtt";
import { onTestFinished } from "vitest";
import { parts } from "./raw-https.ts";
import type { Reachable } from "./raw-https.ts";
import { sasToken } from "./sas-token.ts";

export interface Received {
  readonly topic: string;
  readonly payload: string;
  readonly qos: number;
  readonly retain: boolean;
}

/** An MQTT client with no SDK around it, which never reconnects and remembers what it was sent. */
export class RawMqtt {
  readonly client: MqttClient;
  readonly received: Received[] = [];
  /** What the CONNACK said. */
  sessionPresent = false;
  #waiting: (() => void)[] = [];

  constructor(client: MqttClient) {
    this.client = client;
    client.on("message", (topic, payload, { qos, retain }) => {
      this.received.push({ topic, payload: payload.toString(), qos, retain });
      this.#wake();
    });
    client.on("close", () => this.#wake());
    // What an error means shows in the promise that waits for it.
    client.on("error", () => this.#wake());
  }

  /** The first message whose topic begins like this, taken out of what was received; waits for it. */
  async next(prefix: string): Promise<Received> {
    for (;;) {
      const index = this.received.findIndex(({ topic }) => topic.startsWith(prefix));
      const [found] = index < 0 ? [] : this.received.splice(index, 1);
      if (found !== undefined) return found;
      if (!this.client.connected) throw new Error(`The connection closed before a message to ${prefix}… came.`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Resolves when the hub has closed the connection. */
  async closed(): Promise<void> {
    while (this.client.connected) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

export interface RawConnect extends Partial<IClientOptions> {
  readonly deviceId: string;
  readonly moduleId?: string;
  readonly webSockets?: boolean;
  readonly expiryS?: number;
}

/** Connects by hand, as iot-mqtt-connect-to-iot-hub describes; options override what it would send. */
export async function connectRaw(hub: Reachable, options: RawConnect): Promise<RawMqtt> {
  const url =
    options.webSockets === true
      ? `wss://localhost:${hub.ports.https}/$iothub/websocket`
      : `mqtts://localhost:${hub.ports.mqtt}`;
  const client = connect(url, rawOptions(hub, options));
  onTestFinished(() => {
    client.end(true);
  });
  const raw = new RawMqtt(client);
  await new Promise<void>((resolve, reject) => {
    client.once("connect", ({ sessionPresent }) => {
      raw.sessionPresent = sessionPresent;
      resolve();
    });
    client.once("error", reject);
    client.once("close", () => reject(new Error("The hub closed the connection.")));
  });
  return raw;
}

/** What a client says when it connects by hand. */
export function rawOptions(hub: Reachable, options: RawConnect): IClientOptions {
  const { deviceId, moduleId, webSockets: _, expiryS, ...overrides } = options;
  const clientId = moduleId === undefined ? deviceId : `${deviceId}/${moduleId}`;
  return {
    protocolVersion: 4,
    reconnectPeriod: 0,
    clean: true,
    ca: hub.ca,
    clientId,
    username: `localhost/${clientId}/?api-version=2021-04-12`,
    password: overrides.password ?? deviceToken(hub, deviceId, moduleId, expiryS),
    ...overrides,
  };
}

/** A token made by hand for a registered device or module. */
export function deviceToken(hub: Reachable, deviceId: string, moduleId?: string, expiryS?: number): string {
  const { SharedAccessKey } = parts(hub.deviceConnectionString(deviceId, moduleId));
  const resource = `localhost/devices/${deviceId}${moduleId === undefined ? "" : `/modules/${moduleId}`}`;
  return sasToken(resource, SharedAccessKey ?? "", expiryS ?? Math.ceil(Date.now() / 1000) + 3600);
}
