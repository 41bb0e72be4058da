import { dirname } from "node:path";
import * as v from "valibot";
import { makePrivateFolder } from "../storage/atomic-file.ts";
import { CoalescingFile } from "../storage/coalescing-file.ts";
import { readStateFile } from "../storage/read-state.ts";

export interface Subscription {
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
}

const SESSIONS_VERSION = 1;

const sessionsSchema = v.object({
  version: v.literal(SESSIONS_VERSION),
  sessions: v.array(
    v.object({
      clientId: v.string(),
      subscriptions: v.array(v.object({ topic: v.string(), qos: v.picklist([0, 1, 2]) })),
    }),
  ),
});

/** The subscriptions of clients that connect with `clean: false`. They survive the connection and the hub's process [MQTT-3.1.2-4]. */
export class SessionStore {
  readonly #file: CoalescingFile;
  readonly #sessions = new Map<string, Map<string, Subscription>>();

  constructor(path: string) {
    this.#file = new CoalescingFile(path);
  }

  async load(): Promise<void> {
    await makePrivateFolder(dirname(this.#file.path));
    const saved = await readStateFile(this.#file.path, sessionsSchema);
    for (const { clientId, subscriptions } of saved?.sessions ?? []) {
      this.#sessions.set(clientId, new Map(subscriptions.map((one) => [one.topic, one])));
    }
  }

  subscriptionsOf(clientId: string): Subscription[] {
    return [...(this.#sessions.get(clientId)?.values() ?? [])];
  }

  async add(clientId: string, subscriptions: readonly Subscription[]): Promise<void> {
    const session = this.#sessions.get(clientId) ?? new Map<string, Subscription>();
    for (const { topic, qos } of subscriptions) session.set(topic, { topic, qos });
    this.#sessions.set(clientId, session);
    await this.#save();
  }

  async remove(clientId: string, topics: readonly string[]): Promise<void> {
    const session = this.#sessions.get(clientId);
    if (session === undefined) return;
    for (const topic of topics) session.delete(topic);
    if (session.size === 0) this.#sessions.delete(clientId);
    await this.#save();
  }

  async removeSession(clientId: string): Promise<void> {
    if (this.#sessions.delete(clientId)) await this.#save();
  }

  async clear(): Promise<void> {
    this.#sessions.clear();
    await this.#save();
  }

  async flush(): Promise<void> {
    await this.#file.idle();
  }

  async #save(): Promise<void> {
    await this.#file.save(() => {
      const sessions = [...this.#sessions].map(([clientId, session]) => ({
        clientId,
        subscriptions: [...session.values()],
      }));
      return `${JSON.stringify({ version: SESSIONS_VERSION, sessions })}\n`;
    });
  }
}
