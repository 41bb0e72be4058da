import { kinds, choice, range } from "./fault-kind.ts";

const overMqtt = ["mqtt", "websockets"] as const;

/** Faults of the hub's MQTT front end. */
export const mqttKinds = kinds({
  "connack-refused": {
    summary: "CONNECT is answered with this return code, and the connection is closed.",
    like:
      "MQTT 3.1.1, table 3.1: 2 client id rejected, 3 server unavailable, 4 bad user name, 5 not authorized. IoT Hub answers 5 to " +
      "invalid tokens, including those of a board with a wrong clock",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: { code: range(2, 5, [2, 5], 5) },
  },
  "connack-lost": {
    summary: "CONNECT is never answered, but the hub counts the device as connected.",
    like: "a front end that hangs during a failover",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: {},
  },
  "closed-after-connack": {
    summary: "The connection is closed right after its CONNACK.",
    like: "a hub whose quota is used up: it accepts and then disconnects (Azure/azure-iot-sdk-java #377)",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: {},
  },
  kick: {
    summary: "The connection is closed, as if another client had connected with the same id.",
    like: "400027 ConnectionForcefullyClosedOnNewConnection (troubleshoot-error-codes): a cloned SD card, a second agent",
    on: overMqtt,
    acts: "now",
    forOne: true,
    parameters: {},
  },
  "token-expired": {
    summary: "The connection is closed, as when its token expires. A new token is accepted.",
    like: "401003 IoTHubUnauthorized (troubleshoot-error-codes): the hub notices the expiry and disconnects the device",
    on: overMqtt,
    acts: "now",
    forOne: true,
    parameters: {},
  },
  "session-forgotten": {
    summary: "A client that connects with clean: false finds no session: no subscriptions, session present is 0.",
    like: "an expired session, or a hub that failed over to its paired region",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: {},
  },
  "suback-refused": {
    summary: "SUBSCRIBE is answered with a failure (0x80), and nothing is subscribed.",
    like: "MQTT 3.1.1, 3.9.3: a server that cannot serve a subscription",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: {},
  },
  "suback-lost": {
    summary: "SUBSCRIBE takes effect and is never answered.",
    like: "a front end that hangs",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: {},
  },
  "puback-lost": {
    summary: "Messages of QoS 1 are accepted and never acknowledged.",
    like: "a front end that hangs; messages that the client sends again arrive twice",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: {},
  },
  "pingresp-lost": {
    summary: "PINGREQ is never answered.",
    like: "a front end that hangs: the socket is open, but no process reads from it",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: {},
  },
  throttled: {
    summary:
      "Twin operations and REST calls are answered 429; telemetry closes the connection. The body is the documented one, or empty.",
    like:
      "429001 ThrottlingException (iot-hub-devguide-quotas-throttling); over MQTT the hub closes the connection of a device whose " +
      "messages it throttles (Azure/azure-iot-sdk-c #1766, MicrosoftDocs/azure-docs #107838), and answers twins with status 429 " +
      "(Azure/azure-iot-sdk-csharp #2416)",
    on: ["mqtt", "websockets", "rest"],
    acts: "occasion",
    forOne: true,
    parameters: { body: choice("documented", "empty"), retryAfterS: range(0, 3_600, [1, 30], 10) },
  },
  "quota-exhausted": {
    summary:
      "The daily message quota is used up. Devices can connect, but whatever they send closes the connection (or twin operations " +
      "are answered 403). REST calls to devices are answered 403.",
    like:
      "403002 IotHubQuotaExceeded, until midnight UTC. MQTT has no error for it: the connection is reset or closed " +
      "(Azure/azure-iot-sdk-python #727 and #735, azure-iot-sdk-java #377)",
    on: ["mqtt", "websockets", "rest"],
    acts: "occasion",
    forOne: true,
    parameters: { twins: choice("close", "refuse") },
  },
});
