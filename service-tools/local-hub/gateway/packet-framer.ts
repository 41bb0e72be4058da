/** The types of control packets [MQTT-2.2.1] that faults act on. */
export const packetTypes = { connack: 2, publish: 3, puback: 4, suback: 9, pingresp: 13 } as const;

export interface MqttPacket {
  readonly type: number;
  readonly bytes: Buffer;
}

const LENGTH_BYTES_LIMIT = 4;

/** Splits a stream of bytes into MQTT control packets, whatever its chunks are. */
export class PacketFramer {
  #rest: Buffer = Buffer.alloc(0);

  /** Returns the packets that this chunk completes. */
  push(chunk: Buffer): MqttPacket[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const packets: MqttPacket[] = [];
    for (let length = packetLength(this.#rest); length !== undefined; length = packetLength(this.#rest)) {
      const bytes = this.#rest.subarray(0, length);
      packets.push({ type: (bytes[0] ?? 0) >> 4, bytes });
      this.#rest = this.#rest.subarray(length);
    }
    return packets;
  }
}

/** The length of the first packet, or undefined when it is incomplete. Its remaining length has one to four bytes [MQTT-2.2.3]. */
function packetLength(bytes: Buffer): number | undefined {
  let remaining = 0;
  for (let at = 0; at < LENGTH_BYTES_LIMIT; at += 1) {
    const digit = bytes[1 + at];
    if (digit === undefined) return undefined;
    remaining += (digit & 0x7f) * 0x80 ** at;
    if (digit < 0x80) {
      const length = 2 + at + remaining;
      return bytes.length < length ? undefined : length;
    }
  }
  throw new Error("An MQTT packet has a length of more than four bytes.");
}
