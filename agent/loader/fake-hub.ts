import { Duplex } from "node:stream";

/*
 * A hub within the process, for nothing but a start: it takes every login, knows an empty twin, and calls one method. It speaks
 * MQTT 3.1.1 over a stream that the agent's SDK takes for its TLS connection, so no network and no certificate is needed.
 */

const types = { connect: 1, publish: 3, subscribe: 8, unsubscribe: 10, ping: 12, disconnect: 14 } as const;

/** The client's end of the connection; the hub's end answers within. */
export class FakeHubSocket extends Duplex {
  /** What mqtt.js asks a TLS socket. */
  readonly authorized = true;
  #unread = Buffer.alloc(0);
  #twinVersion = 1;
  readonly #onServed: () => void;

  /** @param onServed called when the agent has reported, and answered a method call */
  constructor(onServed: () => void) {
    super({ autoDestroy: true });
    this.#onServed = onServed;
    queueMicrotask(() => {
      this.emit("connect");
      this.emit("secureConnect");
    });
  }

  // Of a socket, without a meaning here.
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  setTimeout(): this {
    return this;
  }

  override _read(): void {
    // Answers are pushed as they come.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#unread = Buffer.concat([this.#unread, chunk]);
    for (let packet = this.#take(); packet !== undefined; packet = this.#take()) this.#answer(packet.head, packet.body);
    done();
  }

  /** The next whole packet. [MQTT-2.2] */
  #take(): { readonly head: number; readonly body: Buffer } | undefined {
    let [length, at] = [0, 1];
    for (let shift = 0; ; shift += 7, at += 1) {
      const byte = this.#unread[at];
      if (byte === undefined) return undefined;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    const [head = 0] = this.#unread;
    const body = this.#unread.subarray(at + 1, at + 1 + length);
    if (body.length < length) return undefined;
    this.#unread = this.#unread.subarray(at + 1 + length);
    return { head, body };
  }

  #answer(head: number, body: Buffer): void {
    switch (head >> 4) {
      case types.connect:
        this.push(Buffer.from([0x20, 2, 0, 0]));
        break;
      case types.publish:
        this.#published((head >> 1) & 3, body);
        break;
      case types.subscribe:
        this.push(Buffer.concat([Buffer.from([0x90, 2 + granted(body).length]), body.subarray(0, 2), granted(body)]));
        break;
      case types.unsubscribe:
        this.push(Buffer.concat([Buffer.from([0xb0, 2]), body.subarray(0, 2)]));
        break;
      case types.ping:
        this.push(Buffer.from([0xd0, 0]));
        break;
      case types.disconnect:
        this.push(null);
        break;
      default: // Nothing else comes from a client that publishes with QoS 0 and 1 and gets QoS 0.
    }
  }

  #published(qos: number, body: Buffer): void {
    const topicEnd = 2 + body.readUInt16BE(0);
    if (qos > 0) this.push(Buffer.concat([Buffer.from([0x40, 2]), body.subarray(topicEnd, topicEnd + 2)]));
    const topic = body.toString("utf8", 2, topicEnd);
    const requestId = /\$rid=([^&]*)/.exec(topic)?.[1] ?? "";
    if (topic.startsWith("$iothub/twin/GET/")) {
      const twin = { desired: { $version: 1 }, reported: { $version: this.#twinVersion } };
      this.#publish(`$iothub/twin/res/200/?$rid=${requestId}`, JSON.stringify(twin));
    } else if (topic.startsWith("$iothub/twin/PATCH/properties/reported/")) {
      this.#twinVersion += 1;
      this.#publish(`$iothub/twin/res/204/?$rid=${requestId}&$version=${this.#twinVersion}`, "");
      this.#publish("$iothub/methods/POST/getStatus/?$rid=1", "{}");
    } else if (topic.startsWith("$iothub/methods/res/")) this.#onServed();
  }

  #publish(topic: string, payload: string): void {
    const name = Buffer.from(topic);
    const rest = Buffer.concat([Buffer.from([name.length >> 8, name.length & 0xff]), name, Buffer.from(payload)]);
    // None of these reaches 16,384 bytes, so its length takes one or two.
    const length = rest.length < 128 ? [rest.length] : [(rest.length & 0x7f) | 0x80, rest.length >> 7];
    this.push(Buffer.concat([Buffer.from([0x30, ...length]), rest]));
  }
}

/** QoS 0 for each topic of a SUBSCRIBE. [MQTT-3.9.3] */
function granted(body: Buffer): Buffer {
  let topics = 0;
  for (let at = 2; at < body.length; at += 2 + body.readUInt16BE(at) + 1) topics += 1;
  return Buffer.alloc(topics);
}
