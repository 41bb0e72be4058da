import type { Json, JsonObject } from "../../agent/contract/json.ts";
import type { MethodReply } from "../../agent/contract/method-reply.ts";
import type { HubCallbacks, Connection, TelemetryMessage } from "../../agent/hub/connection.ts";
import { mergePatch } from "../../agent/contract/twin-patch.ts";
import { ConnectionError } from "../../agent/hub/connection-error.ts";
import { at } from "./paths.ts";

/** A hub without sockets or time of its own: one device's twin, and a network that a test takes away and gives back. */
export class FakeHub {
  isReachable = true;
  desired: JsonObject = {};
  desiredVersion = 1;
  reported: JsonObject = {};
  /** The reported properties after each patch, the first one first. */
  readonly history: JsonObject[] = [];
  attempts = 0;
  /** What the device has sent. */
  readonly messages: TelemetryMessage[] = [];
  #lose: ((why: Error) => void) | undefined;
  #callers: HubCallbacks | undefined;

  /** The agent's way in. */
  connect = (): Promise<Connection> => {
    this.attempts += 1;
    if (!this.isReachable) return Promise.reject(new ConnectionError("no-network", "getaddrinfo ENOTFOUND"));
    let lose: (why: Error) => void = () => undefined;
    const lost = new Promise<Error>((resolve) => (lose = resolve));
    this.#lose = lose;
    const reachable = <T>(work: () => T): Promise<T> =>
      this.isReachable && this.#lose === lose
        ? Promise.resolve(work())
        : Promise.reject(new ConnectionError("lost", "The connection to the hub was lost."));
    return Promise.resolve({
      lost,
      subscribe: (callers) => reachable(() => void (this.#callers = callers)),
      readTwin: () =>
        reachable(() => ({ desired: this.desired, desiredVersion: this.desiredVersion, reported: this.reported })),
      sendTelemetry: (message) => reachable(() => void this.messages.push(message)),
      updateReported: (patch) =>
        reachable(() => {
          this.reported = mergePatch(this.reported, patch);
          this.history.push(this.reported);
        }),
      close: () => {
        if (this.#lose === lose) this.#callers = undefined;
        return Promise.resolve();
      },
    });
  };

  /** The network goes away, and every connection with it. */
  cut(): void {
    this.isReachable = false;
    this.#callers = undefined;
    this.#lose?.(new ConnectionError("lost", "The connection to the hub was lost."));
  }

  /** Changes the desired properties, and notifies the device if it is connected: nulls remove. */
  setDesired(patch: JsonObject): void {
    this.desired = mergePatch(this.desired, patch);
    this.desiredVersion += 1;
    this.#callers?.onDesiredChange(this.desiredVersion);
  }

  /** Replaces the desired properties. The notification has the same form as that of a change. */
  replaceDesired(content: JsonObject): void {
    this.desired = content;
    this.desiredVersion += 1;
    this.#callers?.onDesiredChange(this.desiredVersion);
  }

  /** Calls a direct method of the connected device. */
  async call(name: string, payload: unknown): Promise<MethodReply> {
    if (this.#callers === undefined) throw new Error("404103: the device is not online");
    const reply = await this.#callers.onMethod(name, payload);
    this.#callers?.onMethodAnswered(name, reply);
    return reply;
  }

  /** A value of the reported properties, as they are or were, by its path. */
  at(path: string, reported: JsonObject = this.reported): Json | undefined {
    return at(reported, path);
  }
}
