import { kinds, choice, range } from "./fault-kind.ts";

const overMqtt = ["mqtt", "websockets"] as const;
const operation = choice("any", "get", "report");

/** Faults of twin operations over MQTT. */
export const twinKinds = kinds({
  "twin-refused": {
    summary:
      "A request for the twin, or a report, is answered with this status or error code; the body holds the error, or is empty.",
    like:
      "iot-mqtt-connect-to-iot-hub: '429 Too many requests (throttled)', '5** Server errors'; empty bodies were seen, and the " +
      "Node SDK reads only the body (mqtt_twin_client.js, 'should we really ignore the status code?'). 403001 IotHubSuspended, " +
      "404012 IotHubFailingOver (azure-iot-sdk-csharp, ErrorCode.cs), 403010 OperationNotAvailableInCurrentTier, 403012 " +
      "DeviceDisabled (troubleshoot-error-codes)",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: {
      operation,
      status: choice("429", "500", "503", "504", "403001", "403010", "403012", "404012"),
      body: choice("documented", "empty"),
    },
  },
  "twin-request-lost": {
    summary: "A twin request of a device is neither carried out nor answered.",
    like: "QoS 0: a message lost inside the hub goes unnoticed",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: { operation },
  },
  "twin-answer-lost": {
    summary:
      "A twin request of a device is carried out but not answered: a report is applied, and the device does not know.",
    like: "QoS 0: the response is lost",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: { operation },
  },
  "twin-answer-delayed": {
    summary: "A twin request of a device is answered late.",
    like:
      "traffic shaping: above a throttle the hub queues requests before it refuses any (iot-hub-devguide-quotas-throttling, " +
      "'make no assumptions about latency')",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: { operation, delayMs: range(1, 600_000, [50, 3_000], 25_000) },
  },
  "no-twins": {
    summary: "A device that publishes to a twin's topic is disconnected.",
    like: "a hub of the Basic tier, which has neither twins nor methods (eclipse-threadx/getting-started #67)",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: {},
  },
  "desired-lost": {
    summary: "A connected device does not get a change of its desired properties.",
    like: "QoS 0; iot-hub-devguide-device-twins: devices compare $version and fetch what they missed",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: {},
  },
  "desired-duplicated": {
    summary: "A device gets a change of its desired properties more than once.",
    like: "at-least-once delivery inside the hub",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: { copies: range(1, 100, [1, 3], 1) },
  },
  "desired-delayed": {
    summary: "A device gets a change of its desired properties late; later changes may arrive before it.",
    like: "a busy partition of the hub",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: { delayMs: range(1, 600_000, [50, 3_000], 1_000) },
  },
  "desired-reordered": {
    summary: "A change of desired properties arrives after the next one, or after this time if there is no next one.",
    like: "iot-hub-devguide-device-twins: a device must compare $version, since updates may arrive in any order",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: { atMostMs: range(1, 600_000, [500, 5_000], 5_000) },
  },
});
