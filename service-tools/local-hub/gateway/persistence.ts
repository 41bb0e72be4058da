import { Readable } from "node:stream";
import type { Client } from "aedes";
import type { SessionStore, Subscription } from "./sessions.ts";

/**
 * What aedes asks of its persistence, as far as IoT Hub has anything to keep: the subscriptions of sessions. Nothing is
 * retained, nothing is routed from one device to another, and everything the hub sends is QoS 0, so nothing queues.
 * The interface is that of aedes-persistence 11 (asyncPersistence.js).
 */
export class HubPersistence {
  readonly #sessions: SessionStore;
  readonly #mayKeep: (client: Client, filter: string) => boolean;

  constructor(sessions: SessionStore, mayKeep: (client: Client, filter: string) => boolean) {
    this.#sessions = sessions;
    this.#mayKeep = mayKeep;
  }

  /** aedes insists on an async function here. */
  async setup(): Promise<void> {}

  async subscriptionsByClient({ id }: { id: string }): Promise<Subscription[]> {
    return this.#sessions.subscriptionsOf(id);
  }

  /** aedes hands over the whole SUBSCRIBE before all of it is authorised. */
  async addSubscriptions(client: Client, subscriptions: readonly Subscription[]): Promise<void> {
    const allowed = subscriptions.filter(({ topic }) => this.#mayKeep(client, topic));
    await this.#sessions.add(client.id, allowed);
  }

  async removeSubscriptions({ id }: Client, topics: readonly string[]): Promise<void> {
    await this.#sessions.remove(id, topics);
  }

  /** A CONNECT with `clean: true` ends the session that there was [MQTT-3.1.2-6]. */
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

  /** aedes keeps the will of a connection itself; a hub that was killed sends none. */
  async putWill(): Promise<void> {}
  async delWill(): Promise<void> {}
  streamWill(): Readable {
    return Readable.from([]);
  }
}
