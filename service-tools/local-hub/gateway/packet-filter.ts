import { Duplex } from "node:stream";
import type { Location } from "../faults/fault-kind.ts";
import type { Faults } from "../faults/faults.ts";
import { PacketFramer, packetTypes } from "./packet-framer.ts";
import type { MqttPacket } from "./packet-framer.ts";

/** What to do with a packet to the client. After `last` the connection is closed. */
export type PacketDecision = "pass" | "drop" | "last";

/** What faults do to a packet from the hub to a client. */
export function packetFault(faults: Faults, { type, bytes }: MqttPacket, location: Location): PacketDecision {
  switch (type) {
    case packetTypes.connack:
      if (faults.triggerOnce("connack-lost", location) !== undefined) return "drop";
      // The last byte is the return code [MQTT-3.2.2]: a refused client is closed anyway.
      return bytes.at(-1) === 0 && faults.triggerOnce("closed-after-connack", location) !== undefined ? "last" : "pass";
    case packetTypes.suback:
      return faults.triggerOnce("suback-lost", location) === undefined ? "pass" : "drop";
    case packetTypes.puback:
      return faults.triggerOnce("puback-lost", location) === undefined ? "pass" : "drop";
    case packetTypes.pingresp:
      return faults.triggerOnce("pingresp-lost", location) === undefined ? "pass" : "drop";
    default:
      return "pass";
  }
}

/** An MQTT connection whose packets to the client pass one by one, as `decide` says. Bytes from the client pass unchanged. */
export class PacketFilter extends Duplex {
  readonly #stream: Duplex;
  readonly #decide: (packet: MqttPacket) => PacketDecision;
  readonly #framer = new PacketFramer();

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
    let mayContinue = true;
    for (const packet of this.#framer.push(chunk)) {
      const decision = this.#decide(packet);
      if (decision === "drop" || !this.#stream.writable) continue;
      mayContinue = this.#stream.write(packet.bytes);
      if (decision === "last") this.#stream.end(() => this.destroy());
    }
    if (mayContinue || this.#stream.writableEnded || this.#stream.destroyed) done();
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
