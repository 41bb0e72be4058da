import { Duplex } from "node:stream";
import { PacketFramer } from "./packet-framer.ts";
import type { MqttPacket } from "./packet-framer.ts";

/** What becomes of a packet to the client. After the last one the connection is closed. */
export type PacketDecision = "passes" | "withheld" | "last";

/** An MQTT connection whose packets to the client pass one by one, as somebody decides. What comes from the client passes. */
export class PacketFilter extends Duplex {
  readonly #stream: Duplex;
  readonly #decide: (packet: MqttPacket) => PacketDecision;
  readonly #splitter = new PacketFramer();

  constructor(stream: Duplex, decide: (packet: MqttPacket) => PacketDecision) {
    super();
    this.#stream = stream;
    this.#decide = decide;
    stream.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) stream.pause();
    });
    stream.on("end", () => this.push(null));
    stream.on("error", (error) => this.destroy(error));
    stream.on("close", () => this.destroy());
  }

  override _read(): void {
    this.#stream.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    let mayGoOn = true;
    for (const packet of this.#splitter.push(chunk)) {
      const passage = this.#decide(packet);
      if (passage === "withheld" || !this.#stream.writable) continue;
      mayGoOn = this.#stream.write(packet.bytes);
      if (passage === "last") this.#stream.end(() => this.destroy());
    }
    if (mayGoOn || this.#stream.writableEnded || this.#stream.destroyed) done();
    else this.#stream.once("drain", done);
  }

  override _final(done: () => void): void {
    this.#stream.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#stream.destroy();
    done(error);
  }
}
