import { kinds } from "./kind.ts";
import { choice, range } from "./parameters.ts";

const overMqtt = ["mqtt", "websockets"] as const;

/** Faults of the hub's MQTT front end. */
export const mqttKinds = kinds({
  "connack-refused": {
    summary: "CONNECT is answered with this return code, and the connection is closed.",
    like:
      "MQTT 3.1.1, table 3.1: 2 the client id, 3 the server is unavailable, 4 the user name, 5 not authorized; IoT Hub answers 5 to " +
      "tokens that it cannot accept, those of a board with a wrong clock among them",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: { code: range(2, 5, [2, 5], 5) },
  },
  "connack-lost": {
    summary: "CONNECT is never answered; to the hub the device is connected.",
    like: "a front end that hangs in the middle of a failover",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: {},
  },
  "closed-after-connack": {
    summary: "The connection is closed right after its CONNACK.",
    like: "a hub that lets in and throws out again, as one without quota does (Azure/azure-iot-sdk-java #377)",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: {},
  },
  kick: {
    summary: "The connection is closed, as if another client had come with the same id.",
    like: "400027 ConnectionForcefullyClosedOnNewConnection (troubleshoot-error-codes): a cloned SD card, a second agent",
    on: overMqtt,
    acts: "now",
    forOne: true,
    parameters: {},
  },
  "token-expired": {
    summary: "The connection is closed, as when its token runs out. A new token is accepted.",
    like: "401003 IoTHubUnauthorized (troubleshoot-error-codes): the hub notices the expiry and disconnects the device",
    on: overMqtt,
    acts: "now",
    forOne: true,
    parameters: {},
  },
  "session-forgotten": {
    summary: "A client that comes back with clean: false finds its session gone: no subscriptions, no session present.",
    like: "a session that has expired, or a hub that has failed over to its paired region",
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
    summary: "SUBSCRIBE is carried out and never answered.",
    like: "a front end that hangs",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: {},
  },
  "puback-lost": {
    summary: "Messages of QoS 1 are taken and never acknowledged.",
    like: "a front end that hangs; what is sent again afterwards comes twice",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: {},
  },
  "pingresp-lost": {
    summary: "PINGREQ is never answered.",
    like: "a front end that hangs: the socket is there, and nobody is behind it",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: {},
  },
  throttled: {
    summary:
      "Twin operations and REST calls are answered 429, telemetry costs the connection. An empty body is what a device gets at worst.",
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
      "The day's messages are used up. Devices may connect; whatever they send costs the connection (or twins are refused with 403). " +
      "REST calls to devices are answered 403.",
    like:
      "403002 IotHubQuotaExceeded, until midnight UTC. Over MQTT there is no error to tell: the connection is reset or closed " +
      "(Azure/azure-iot-sdk-python #727 and #735, azure-iot-sdk-java #377)",
    on: ["mqtt", "websockets", "rest"],
    acts: "occasion",
    forOne: true,
    parameters: { twins: choice("close", "refuse") },
  },
});
