import packets from "azure-iot-mqtt-base/node_modules/mqtt-packet/mqtt.js";
import webSocketStub from "../stubs/bundle/ws.cjs";

/*
 * What the Azure SDK loads or builds at its start, and few boards need. The paths name the copies that `azure-iot-mqtt-base` loads:
 * another copy of the same package would change nothing there.
 */

/**
 * Keeps the MQTT library from building its table of 65,536 two-byte Buffers before the first packet: 11 to 16 MiB for good, and 15
 * to 20 ms of the start. It then writes each number when it is needed (mqtt-packet, `cacheNumbers`).
 */
export function omitNumberTable(): void {
  packets.writeToStream.cacheNumbers = false;
}

/**
 * Loads the WebSocket library: in the bundle a stub stands in its place until then. Call before the first connection over
 * WebSockets; later calls cost nothing.
 */
export async function loadWebSocket(): Promise<void> {
  const { default: implementation } = await import("azure-iot-mqtt-base/node_modules/ws/index.js");
  webSocketStub.setImplementation(implementation);
}
