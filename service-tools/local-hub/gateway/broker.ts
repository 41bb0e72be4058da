import { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { Aedes } from "aedes";
import type { AuthenticateError, Client, PublishPacket, Subscription } from "aedes";
import type { Clock } from "../lib/clock.ts";
import type { Faults } from "../faults/faults.ts";
import { covers } from "../faults/scope.ts";
import type { Location } from "../faults/scope.ts";
import { targetName } from "../registry/ids.ts";
import type { Target } from "../registry/ids.ts";
import { describeError } from "../lib/log.ts";
import type { Log } from "../lib/log.ts";
import type { FaultySocket } from "../network/faulty-socket.ts";
import type { Authenticator } from "./authenticate.ts";
import type { DeviceConnections, ConnectionListener } from "./device-link.ts";
import { packetFault } from "./passage.ts";
import { PacketFilter } from "./packet-filter.ts";
import { HubPersistence } from "./persistence.ts";
import type { SessionStore } from "./sessions.ts";
import { maySubscribe } from "./topics.ts";

/** "256-KB max message size", iot-mqtt-connect-to-iot-hub. */
const MESSAGE_LIMIT_BYTES = 256 * 1024;

/** MQTT 3.1.1, table 3.1. */
const SERVER_UNAVAILABLE = 3;

/** One admitted client. */
interface Connection {
  readonly target: Target;
  readonly client: Client;
  readonly socket: FaultySocket;
  /** The key that its token was signed with. */
  readonly key: string;
  readonly filters: Set<string>;
  readonly cancelExpiry: () => void;
  /** CONNACK is sent: from here on it may be spoken to. */
  ready: boolean;
}

/** MQTT 3.1.1 as IoT Hub speaks it, on aedes: who may connect, say and hear what. What is said is for the listener. */
export class Broker implements DeviceConnections {
  readonly #aedes: Aedes;
  readonly #connections = new Map<string, Connection>();
  readonly #byClient = new WeakMap<Client, Connection>();
  readonly #sockets = new WeakMap<Client, FaultySocket>();
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #faults: Faults;
  readonly #authenticator: Authenticator;
  #listener: ConnectionListener = nobody;

  constructor(
    sessions: SessionStore,
    doorkeeper: Authenticator,
    { clock, faults, log }: { clock: Clock; faults: Faults; log: Log },
  ) {
    this.#authenticator = doorkeeper;
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

  /** From here on connections may be handled. */
  async start(listener: ConnectionListener): Promise<void> {
    this.#listener = listener;
    await this.#aedes.listen();
  }

  /** Speaks MQTT on a connection that has just been opened. */
  handle(stream: Duplex, conduit: FaultySocket, request?: IncomingMessage): void {
    const gated = new PacketFilter(stream, (packet) => packetFault(this.#faults, packet, conduit.location));
    const client = request === undefined ? this.#aedes.handle(gated) : this.#aedes.handle(gated, request);
    this.#sockets.set(client, conduit);
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
    // Never through broker.publish: the topics are the same for every device. All of the hub's messages are QoS 0
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

  /** The key that the target's connection was opened with, if it is connected. */
  keyInUse(target: Target): string | undefined {
    return this.#connections.get(targetName(target))?.key;
  }

  async #authenticate(
    client: Client,
    userName: string | undefined,
    password: string | undefined,
    done: (error: AuthenticateError | null, success: boolean | null) => void,
  ): Promise<void> {
    let refusal: AuthenticateError | null;
    try {
      refusal = await this.#admit(client, userName, password);
    } catch (error) {
      refusal = Object.assign(new Error(describeError(error)), { returnCode: SERVER_UNAVAILABLE });
    }
    // It may have gone meanwhile.
    if (!client.closed) done(refusal, refusal === null ? true : null);
  }

  /** Answers why the client may not come in, or null when it may. */
  async #admit(
    client: Client,
    userName: string | undefined,
    password: string | undefined,
  ): Promise<AuthenticateError | null> {
    const conduit = this.#sockets.get(client);
    if (conduit === undefined) throw new Error("A client has come on no connection.");
    const admission = await this.#authenticator.authenticate({ clientId: client.id, userName, password }, conduit);
    if (!admission.ok) {
      const { returnCode, why } = admission;
      this.#log({ level: "warn", message: "connection refused", client: client.id, returnCode, why });
      return Object.assign(new Error(why), { returnCode });
    }
    if (client.closed) return null;
    const { target, key, expiresAtMs } = admission;
    const stopWatch = this.#clock.after(expiresAtMs - this.#clock.nowMs(), () => {
      // The real hub's 401003: it closes the connection, and the SDK comes back with a new token.
      if (this.#connections.get(targetName(target))?.client === client) this.disconnect(target, "its token expired");
    });
    this.#byClient.set(client, {
      target,
      client,
      socket: conduit,
      key,
      filters: new Set(),
      cancelExpiry: stopWatch,
      ready: false,
    });
    return null;
  }

  #ready(client: Client): void {
    const connection = this.#byClient.get(client);
    if (connection === undefined || client.closed) return;
    // aedes has closed an older connection of the same client id by now [MQTT-3.1.4-2]; IoT Hub calls that 400027.
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
    // Those of a session are restored without being asked for: there is no SUBACK to refuse them with.
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
    let refusal: Error | null = null;
    try {
      await this.#receive(client, packet);
    } catch (error) {
      refusal = error instanceof Error ? error : new Error(String(error));
    }
    done(refusal);
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
      this.#faults.onImmediate(name, (_parameters, options, strike) => {
        for (const { target, socket: conduit } of this.#connections.values()) {
          if (!covers(options, conduit.location)) continue;
          strike();
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

const nobody: ConnectionListener = {
  connected: () => {},
  reachable: () => {},
  disconnected: () => {},
  message: async () => {},
};

/**
 * "When a device app subscribes to a topic with QoS 2, IoT Hub grants maximum QoS level 1 in the SUBACK packet". aedes answers
 * with what the packet asked for, so the packet is changed before aedes reads it: listeners run in the order of
 * their list, and aedes' own is already there.
 */
function grantAtMostQos1(client: Client): void {
  const parser: unknown = Reflect.get(client, "_parser");
  if (!(parser instanceof EventEmitter)) throw new Error("aedes has changed: its client has no packet parser.");
  parser.prependListener("packet", (packet: { cmd: string; subscriptions?: { qos: number }[] }) => {
    if (packet.cmd !== "subscribe") return;
    for (const subscription of packet.subscriptions ?? []) subscription.qos = Math.min(subscription.qos, 1);
  });
}
