import webSocketStub from "../stubs/bundle/ws.cjs";

/**
 * Loads the SDK's WebSocket library, which only boards need that connect over WebSockets: in the bundle a stub stands in its place until
 * then. Call before the first connection; later calls cost nothing.
 */
export async function loadWebSocket(): Promise<void> {
  const { default: implementation } = await import("azure-iot-mqtt-base/node_modules/ws/index.js");
  webSocketStub.setImplementation(implementation);
}
