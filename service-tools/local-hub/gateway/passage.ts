import type { Faults } from "../faults/faults.ts";
import type { Where } from "../faults/scope.ts";
import type { Passage } from "./packet-filter.ts";
import { packetTypes } from "./packet-framer.ts";
import type { MqttPacket } from "./packet-framer.ts";

/** What faults do to a packet that the hub sends to a client. */
export function passageUnder(faults: Faults, { type, bytes }: MqttPacket, where: Where): Passage {
  switch (type) {
    case packetTypes.connack:
      if (faults.strike("connack-lost", where) !== undefined) return "withheld";
      // The last byte is the return code [MQTT-3.2.2]: who is refused is closed anyway.
      return bytes.at(-1) === 0 && faults.strike("closed-after-connack", where) !== undefined ? "last" : "passes";
    case packetTypes.suback:
      return faults.strike("suback-lost", where) === undefined ? "passes" : "withheld";
    case packetTypes.puback:
      return faults.strike("puback-lost", where) === undefined ? "passes" : "withheld";
    case packetTypes.pingresp:
      return faults.strike("pingresp-lost", where) === undefined ? "passes" : "withheld";
    default:
      return "passes";
  }
}
