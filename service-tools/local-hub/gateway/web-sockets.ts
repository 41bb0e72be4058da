import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer, createWebSocketStream } from "ws";
import { pathOf } from "../lib/url.ts";
import { describeError } from "../lib/log.ts";
import type { Log } from "../lib/log.ts";

/** `wss://{host}:443/$iothub/websocket`, mqtt_ws.js; clients add a query of their own (`?iothub-no-client-cert=true`). */
const WEB_SOCKET_PATH = "/$iothub/websocket";
const SUBPROTOCOL = "mqtt";

/** Accepts MQTT over WebSockets [MQTT-6.0.0-1 …] on an HTTPS server that serves other requests as well. */
export function serveWebSockets(
  server: Server,
  handle: (stream: Duplex, request: IncomingMessage) => void,
  log: Log,
): void {
  const sockets = new WebSocketServer({
    noServer: true,
    // [MQTT-6.0.0-4]: the subprotocol that the server chooses is mqtt.
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  sockets.on("connection", (socket, request) => {
    const stream = createWebSocketStream(socket);
    stream.on("error", (error) => log({ level: "info", message: "web socket ended", why: describeError(error) }));
    handle(stream, request);
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const offered = request.headers["sec-websocket-protocol"] ?? "";
    const speaksMqtt = offered.split(",").some((one) => one.trim().toLowerCase() === SUBPROTOCOL);
    if (pathOf(request.url ?? "") !== WEB_SOCKET_PATH || !speaksMqtt) {
      socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    sockets.handleUpgrade(request, socket, head, (opened) => sockets.emit("connection", opened, request));
  });
}
