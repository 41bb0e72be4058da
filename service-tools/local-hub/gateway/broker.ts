import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { Aedes } from "aedes";
import type { AuthenticateError, Client, PublishPacket, Subscription } from "aedes";
import { covers } from "../faults/fault-kind.ts";
import type { Location } from "../faults/fault-kind.ts";
import type { Faults } from "../faults/faults.ts";
import type { Clock } from "../lib/clock.ts";
import { describeError } from "../lib/log.ts";
import type { Log } from "../lib/log.ts";
import { targetName } from "../lib/target.ts";
import type { Target } from "../lib/target.ts";
import type { FaultySocket } from "../network/faulty-socket.ts";
import { grantAtMostQos1, HubPersistence } from "./aedes-adapter.ts";
import type { Authenticator } from "./authenticate.ts";
import type { ConnectionListener, DeviceConnections } from "./device-connections.ts";
import { packetFault, PacketFilter } from "./packet-filter.ts";
import type { SessionStore } from "./sessions.ts";
import { maySubscribe } from "./topics.ts";

/** "256-KB max message size", iot-mqtt-connect-to-iot-hub. */
const MESSAGE_LIMIT_BYTES = 256 * 1024;

/** MQTT 3.1.1, table 3.1. */
const SERVER_UNAVAILABLE = 3;

/** One authenticated client. */
interface Connection {
  readonly target: Target;
  readonly client: Client;
  readonly socket: FaultySocket;
  /** The key that its token was signed with. */
  readonly key: string;
  readonly filters: Set<string>;
  readonly cancelExpiry: () => void;
  /** CONNACK was sent: messages may follow. */
  ready: boolean;
}

/** MQTT 3.1.1 as IoT Hub does it, on aedes: who may connect, publish and subscribe. The listener handles the messages. */
export class Broker implements DeviceConnections {
  readonly #aedes: Aedes;
  readonly #connections = new Map<string, Connection>();
  readonly #byClient = new WeakMap<Client, Connection>();
  readonly #sockets = new WeakMap<Client, FaultySocket>();
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #faults: Faults;
  readonly #authenticator: Authenticator;
  #listener: ConnectionListener = ignoringListener;

  constructor(
    sessions: SessionStore,
    authenticator: Authenticator,
    { clock, faults, log }: { clock: Clock; faults: Faults; log: Log },
  ) {
    this.#authenticator = authenticator;
    this.#clock = clock;
    this.#log = log;
    this.#faults = faults;
    const persistence = new HubPersistence(sessions, (client, filter) => {
      const target = this.#byClient.get(client)?.target;
      return target !== undefined && maySubscribe(filter, target);
    });
    this.#aedes = new Aedes({
      persistence,
      authenticate: (client, userName, password, done) =>
        void this.#authenticate(client, userName, password?.toString(), done),
      authorizeSubscribe: (client, subscription, done) => this.#authorizeSubscribe(client, subscription, done),
      authorizePublish: (client, packet, done) => void this.#authorizePublish(client, packet, done),
    });
    this.#aedes.on("clientReady", (client) => this.#ready(client));
    this.#aedes.on("clientDisconnect", (client) => this.#disconnected(client));
    this.#aedes.on("subscribe", (_subscriptions, client) => this.#notifyReachable(client));
    this.#aedes.on("unsubscribe", (topics, client) => {
      for (const topic of topics) this.#byClient.get(client)?.filters.delete(topic);
    });
    this.#aedes.on("clientError", (client, error) => this.#clientError(client, error));
    this.#aedes.on("connectionError", (client, error) => this.#clientError(client, error));
    this.#registerFaults();
  }

  /** Must be called before `handle`. */
  async start(listener: ConnectionListener): Promise<void> {
    this.#listener = listener;
    await this.#aedes.listen();
  }

  /** Handles MQTT on a new connection. */
  handle(stream: Duplex, socket: FaultySocket, request?: IncomingMessage): void {
    const filtered = new PacketFilter(stream, (packet) => packetFault(this.#faults, packet, socket.location));
    const client = request === undefined ? this.#aedes.handle(filtered) : this.#aedes.handle(filtered, request);
    this.#sockets.set(client, socket);
    grantAtMostQos1(client);
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#aedes.close(resolve);
    });
  }

  isConnected(target: Target): boolean {
    return this.#connections.get(targetName(target))?.ready === true;
  }

  connectedCount(): number {
    return [...this.#connections.values()].filter(({ ready }) => ready).length;
  }

  canReceive(target: Target, wants: (filter: string) => boolean): boolean {
    const connection = this.#connections.get(targetName(target));
    return connection?.ready === true && [...connection.filters].some(wants);
  }

  send(target: Target, wants: (filter: string) => boolean, topic: string, payload: string): boolean {
    const connection = this.#connections.get(targetName(target));
    if (connection === undefined || !this.canReceive(target, wants)) return false;
    // Never through aedes' own publish: the topics are the same for every device. All of the hub's messages are QoS 0
    // ("Method requests are QoS 0", iot-hub-devguide-direct-methods).
    connection.client.publish(
      { cmd: "publish", topic, payload: Buffer.from(payload), qos: 0, retain: false, dup: false },
      (error) => {
        if (error) this.#log({ level: "warn", message: "message not sent", target: targetName(target), topic });
      },
    );
    return true;
  }

  disconnect(target: Target, why: string): void {
    const connection = this.#connections.get(targetName(target));
    if (connection === undefined) return;
    this.#log({ level: "info", message: "connection closed by the hub", target: targetName(target), why });
    connection.client.close();
  }

  location(target: Target): Location {
    return this.#connections.get(targetName(target))?.socket.location ?? { endpoints: [], target };
  }

  /** The key of the token that the target connected with; undefined when it is not connected. */
  keyInUse(target: Target): string | undefined {
    return this.#connections.get(targetName(target))?.key;
  }

  async #authenticate(
    client: Client,
    userName: string | undefined,
    password: string | undefined,
    done: (error: AuthenticateError | null, success: boolean | null) => void,
  ): Promise<void> {
    let denial: AuthenticateError | null;
    try {
      denial = await this.#admit(client, userName, password);
    } catch (error) {
      denial = Object.assign(new Error(describeError(error)), { returnCode: SERVER_UNAVAILABLE });
    }
    // The client may have disconnected meanwhile.
    if (!client.closed) done(denial, denial === null ? true : null);
  }

  /** Returns why the client may not connect, or null when it may. */
  async #admit(
    client: Client,
    userName: string | undefined,
    password: string | undefined,
  ): Promise<AuthenticateError | null> {
    const socket = this.#sockets.get(client);
    if (socket === undefined) throw new Error("A client has no connection: aedes has changed.");
    const result = await this.#authenticator.authenticate({ clientId: client.id, userName, password }, socket);
    if (!result.ok) {
      const { returnCode, why } = result;
      this.#log({ level: "warn", message: "connection refused", client: client.id, returnCode, why });
      return Object.assign(new Error(why), { returnCode });
    }
    if (client.closed) return null;
    const { target, key, expiresAtMs } = result;
    const cancelExpiry = this.#clock.after(expiresAtMs - this.#clock.nowMs(), () => {
      // The real hub's 401003: it closes the connection, and the SDK connects again with a new token.
      if (this.#connections.get(targetName(target))?.client === client) this.disconnect(target, "its token expired");
    });
    this.#byClient.set(client, { target, client, socket, key, filters: new Set(), cancelExpiry, ready: false });
    return null;
  }

  #ready(client: Client): void {
    const connection = this.#byClient.get(client);
    if (connection === undefined || client.closed) return;
    // aedes has already closed an older connection of the same client id [MQTT-3.1.4-2]; IoT Hub calls that 400027.
    this.#connections.set(targetName(connection.target), connection);
    connection.ready = true;
    this.#log({ level: "info", message: "connected", target: targetName(connection.target) });
    this.#listener.connected(connection.target);
    this.#listener.reachable(connection.target);
  }

  #disconnected(client: Client): void {
    const connection = this.#byClient.get(client);
    if (connection === undefined) return;
    connection.cancelExpiry();
    const name = targetName(connection.target);
    if (this.#connections.get(name) !== connection) return;
    this.#connections.delete(name);
    this.#log({ level: "info", message: "disconnected", target: name });
    this.#listener.disconnected(connection.target);
  }

  #authorizeSubscribe(
    client: Client,
    subscription: Subscription,
    done: (error: Error | null, subscription?: Subscription | null) => void,
  ): void {
    const connection = this.#byClient.get(client);
    if (connection === undefined || !maySubscribe(subscription.topic, connection.target)) {
      done(new Error(`it may not subscribe to '${subscription.topic}'`));
      return;
    }
    // Only after CONNACK: the subscriptions of a session are restored before, without a SUBACK.
    if (connection.ready && this.#faults.triggerOnce("suback-refused", connection.socket.location) !== undefined) {
      done(null, null);
      return;
    }
    connection.filters.add(subscription.topic);
    done(null, subscription);
  }

  #notifyReachable(client: Client): void {
    const connection = this.#byClient.get(client);
    if (connection?.ready === true) this.#listener.reachable(connection.target);
  }

  async #authorizePublish(
    client: Client | null,
    packet: PublishPacket,
    done: (error?: Error | null) => void,
  ): Promise<void> {
    let denial: Error | null = null;
    try {
      await this.#receive(client, packet);
    } catch (error) {
      denial = error instanceof Error ? error : new Error(String(error));
    }
    done(denial);
  }

  async #receive(client: Client | null, packet: PublishPacket): Promise<void> {
    const connection = client === null ? undefined : this.#byClient.get(client);
    if (client === null || connection === undefined) throw new Error("it has not connected");
    if (packet.qos === 2) throw new Error("it published with QoS 2, which IoT Hub does not support");
    const payload = Buffer.from(packet.payload);
    if (payload.length > MESSAGE_LIMIT_BYTES) throw new Error(`it published ${payload.length} bytes, more than 256 KB`);
    const { topic, retain } = packet;
    const will = "will" in client && client.will === packet;
    await this.#listener.message(connection.target, { topic, payload, retain, will });
  }

  #registerFaults(): void {
    const reasons = { kick: "another client came with the same id", "token-expired": "its token expired" } as const;
    for (const name of ["kick", "token-expired"] as const) {
      this.#faults.onImmediate(name, (_parameters, options, recordHit) => {
        for (const { target, socket } of this.#connections.values()) {
          if (!covers(options, socket.location)) continue;
          recordHit();
          this.disconnect(target, reasons[name]);
        }
      });
    }
  }

  #clientError(client: Client, error: Error): void {
    const target = this.#byClient.get(client)?.target;
    const name = target === undefined ? client.id : targetName(target);
    this.#log({ level: "warn", message: "connection ended by an error", target: name, why: describeError(error) });
  }
}

const ignoringListener: ConnectionListener = {
  connected: () => {},
  reachable: () => {},
  disconnected: () => {},
  message: async () => {},
};
