import { EventEmitter } from "node:events";
import { Readable } from "node:stream";
import type { Client } from "aedes";
import type { SessionStore, Subscription } from "./sessions.ts";

/**
 * aedes' persistence, as far as IoT Hub stores anything: the subscriptions of sessions. No message is retained or routed
 * between devices, and everything the hub sends is QoS 0, so nothing queues. The interface is that of aedes-persistence 11
 * (asyncPersistence.js).
 */
export class HubPersistence {
  readonly #sessions: SessionStore;
  readonly #maySubscribe: (client: Client, filter: string) => boolean;

  constructor(sessions: SessionStore, maySubscribe: (client: Client, filter: string) => boolean) {
    this.#sessions = sessions;
    this.#maySubscribe = maySubscribe;
  }

  /** aedes requires an async function here. */
  async setup(): Promise<void> {}

  async subscriptionsByClient({ id }: { id: string }): Promise<Subscription[]> {
    return this.#sessions.subscriptionsOf(id);
  }

  /** aedes passes the whole SUBSCRIBE before all of it is authorised. */
  async addSubscriptions(client: Client, subscriptions: readonly Subscription[]): Promise<void> {
    const allowed = subscriptions.filter(({ topic }) => this.#maySubscribe(client, topic));
    await this.#sessions.add(client.id, allowed);
  }

  async removeSubscriptions({ id }: Client, topics: readonly string[]): Promise<void> {
    await this.#sessions.remove(id, topics);
  }

  /** A CONNECT with `clean: true` ends the earlier session [MQTT-3.1.2-6]. */
  async cleanSubscriptions({ id }: Client): Promise<void> {
    await this.#sessions.removeSession(id);
  }

  async subscriptionsByTopic(): Promise<never[]> {
    return [];
  }

  async storeRetained(): Promise<void> {}
  createRetainedStreamCombi(): Readable {
    return Readable.from([]);
  }

  async outgoingEnqueue(): Promise<void> {}
  async outgoingEnqueueCombi(): Promise<void> {}
  async outgoingUpdate(): Promise<void> {}
  async outgoingClearMessageId(): Promise<undefined> {
    return undefined;
  }
  outgoingStream(): Readable {
    return Readable.from([]);
  }

  async cleanIncoming(): Promise<void> {}

  /** aedes itself keeps the will of an open connection; a hub that was killed sends none. */
  async putWill(): Promise<void> {}
  async delWill(): Promise<void> {}
  streamWill(): Readable {
    return Readable.from([]);
  }
}

/**
 * "When a device app subscribes to a topic with QoS 2, IoT Hub grants maximum QoS level 1 in the SUBACK packet". aedes grants
 * what the packet asks for, so the packet is changed before aedes reads it: this listener runs before aedes' own.
 */
export function grantAtMostQos1(client: Client): void {
  const parser: unknown = Reflect.get(client, "_parser");
  if (!(parser instanceof EventEmitter)) throw new Error("aedes has changed: its client has no packet parser.");
  parser.prependListener("packet", (packet: { cmd: string; subscriptions?: { qos: number }[] }) => {
    if (packet.cmd !== "subscribe") return;
    for (const subscription of packet.subscriptions ?? []) subscription.qos = Math.min(subscription.qos, 1);
  });
}
