import packets from "azure-iot-mqtt-base/node_modules/mqtt-packet/mqtt.js";

/**
 * Keeps the MQTT library of the SDK from building its table of 65,536 two-byte Buffers before the first packet: 11 to 16 MiB for
 * good, and 15 to 20 ms of the start. It then writes each number when it is needed (mqtt-packet, `cacheNumbers`).
 *
 * The path names the copy that `azure-iot-mqtt-base` loads: the switch of another copy would change nothing there.
 */
export function omitNumberTable(): void {
  packets.writeToStream.cacheNumbers = false;
}
