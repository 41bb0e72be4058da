import type { Faults } from "../faults/faults.ts";
import type { Location } from "../faults/scope.ts";
import type { PacketDecision } from "./packet-filter.ts";
import { packetTypes } from "./packet-framer.ts";
import type { MqttPacket } from "./packet-framer.ts";

/** What faults do to a packet that the hub sends to a client. */
export function packetFault(faults: Faults, { type, bytes }: MqttPacket, where: Location): PacketDecision {
  switch (type) {
    case packetTypes.connack:
      if (faults.triggerOnce("connack-lost", where) !== undefined) return "withheld";
      // The last byte is the return code [MQTT-3.2.2]: who is refused is closed anyway.
      return bytes.at(-1) === 0 && faults.triggerOnce("closed-after-connack", where) !== undefined ? "last" : "passes";
    case packetTypes.suback:
      return faults.triggerOnce("suback-lost", where) === undefined ? "passes" : "withheld";
    case packetTypes.puback:
      return faults.triggerOnce("puback-lost", where) === undefined ? "passes" : "withheld";
    case packetTypes.pingresp:
      return faults.triggerOnce("pingresp-lost", where) === undefined ? "passes" : "withheld";
    default:
      return "passes";
  }
}
