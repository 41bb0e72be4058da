import { onTestFinished } from "vitest";
import type { LocalHub } from "../../service-tools/local-hub/options.ts";
import { testHub } from "./local-hub.ts";
import { ManualClock } from "./manual-clock.ts";
import { callHub } from "./raw-https.ts";
import type { RawAnswer } from "./raw-https.ts";
import { connectRaw } from "./raw-mqtt.ts";
import type { RawConnect, RawMqtt } from "./raw-mqtt.ts";

const VERSION = "api-version=2021-04-12";

/** A hub whose clock the test moves, and a board that is connected and subscribed. */
export class FaultyHub {
  readonly hub: LocalHub;
  readonly clock: ManualClock;
  readonly board: RawMqtt;
  readonly #webSockets: boolean;
  #lastRid = 100;

  static async begin(webSockets: boolean): Promise<FaultyHub> {
    const clock = new ManualClock();
    const hub = await testHub({ clock });
    await hub.addDevice("board-1");
    await hub.addDevice("board-2");
    return new FaultyHub(hub, clock, await connectRaw(hub, { deviceId: "board-1", webSockets }), webSockets);
  }

  private constructor(hub: LocalHub, clock: ManualClock, board: RawMqtt, webSockets: boolean) {
    this.hub = hub;
    this.clock = clock;
    this.board = board;
    this.#webSockets = webSockets;
  }

  async connect(options: Partial<RawConnect> = {}): Promise<RawMqtt> {
    return connectRaw(this.hub, { deviceId: "board-1", webSockets: this.#webSockets, ...options });
  }

  /** The board asks for its twin. Answers status and body. */
  async getTwin(raw = this.board): Promise<[status: string, body: string]> {
    return this.#ask(raw, "$iothub/twin/GET/", "");
  }

  /** The board reports. Answers status, version and body. */
  async report(reported: object, raw = this.board): Promise<[status: string, body: string]> {
    return this.#ask(raw, "$iothub/twin/PATCH/properties/reported/", JSON.stringify(reported));
  }

  /** Says something that is not expected to be answered. */
  reportInVain(reported: object): void {
    this.board.client.publish("$iothub/twin/PATCH/properties/reported/?$rid=1", JSON.stringify(reported));
  }

  getTwinInVain(): void {
    this.board.client.publish("$iothub/twin/GET/?$rid=1", "");
  }

  async reported(): Promise<object> {
    const { body } = await this.rest("GET", "/twins/board-1");
    const { properties }: { properties: { reported: object } } = JSON.parse(body);
    return Object.fromEntries(Object.entries(properties.reported).filter(([key]) => !key.startsWith("$")));
  }

  async desire(desired: object): Promise<void> {
    await this.rest("PATCH", "/twins/board-1", { properties: { desired } });
  }

  /** The versions of the changes that the board receives next, so many. */
  async nextVersions(count: number): Promise<number[]> {
    const versions: number[] = [];
    while (versions.length < count) {
      const { topic } = await this.board.next("$iothub/twin/PATCH/properties/desired/");
      versions.push(Number(topic.split("$version=")[1]));
    }
    return versions;
  }

  /** How many messages to this topic the board has been sent and has not read. An answer to a later request shows that all are here. */
  async unread(prefix: string): Promise<number> {
    await this.getTwin();
    return this.board.received.filter(({ topic }) => topic.startsWith(prefix)).length;
  }

  /** Calls a method of the board, which waits for so long. */
  async call(responseTimeoutInSeconds = 30): Promise<RawAnswer> {
    return this.rest("POST", "/twins/board-1/methods", { methodName: "go", payload: {}, responseTimeoutInSeconds });
  }

  /** The board takes the next call. Answers its request id. */
  async called(): Promise<string> {
    const { topic } = await this.board.next("$iothub/methods/POST/go/");
    return topic.split("$rid=")[1] ?? "";
  }

  answerCall(requestId: string): void {
    this.board.client.publish(`$iothub/methods/res/200/?$rid=${requestId}`, '{"done":true}');
  }

  async rest(method: string, path: string, body?: object): Promise<RawAnswer> {
    const asked = { method, path: `${path}?${VERSION}`, headers: { "if-match": "*" } };
    return callHub(this.hub, body === undefined ? asked : { ...asked, body: JSON.stringify(body) });
  }

  async #ask(raw: RawMqtt, topic: string, payload: string): Promise<[status: string, body: string]> {
    this.#lastRid += 1;
    const rid = `$rid=${this.#lastRid}`;
    raw.client.publish(`${topic}?${rid}`, payload);
    for (;;) {
      const answer = await raw.next("$iothub/twin/res/");
      if (answer.topic.includes(rid))
        return [answer.topic.slice("$iothub/twin/res/".length).split("/")[0] ?? "", answer.payload];
    }
  }
}

/** True once the promise has settled, however it did; for what is not to happen, asked after something later has. */
export function watch(promise: Promise<unknown>): () => boolean {
  let settled = false;
  const note = (): void => void (settled = true);
  promise.then(note, note);
  onTestFinished(() => void promise.catch(() => undefined));
  return () => settled;
}
