import { kinds } from "./kind.ts";
import { choice, range } from "./parameters.ts";

const overMqtt = ["mqtt", "websockets"] as const;
const operation = choice("any", "get", "report");

/** Faults of twins as devices see them. */
export const twinKinds = kinds({
  "twin-refused": {
    summary:
      "A twin is asked for, or properties are reported, and the answer has this status; with an error in its body, or empty.",
    like:
      "iot-mqtt-connect-to-iot-hub: '429 Too many requests (throttled)', '5** Server errors'; bodies were seen to be empty, and the " +
      "Node SDK looks at nothing but the body (mqtt_twin_client.js, 'should we really ignore the status code?')",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: { operation, status: choice("429", "500", "503", "504"), body: choice("documented", "empty") },
  },
  "twin-request-lost": {
    summary: "What a device asks of its twin is not carried out and not answered.",
    like: "QoS 0: nobody notices that the publication went astray inside the hub",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: { operation },
  },
  "twin-answer-lost": {
    summary:
      "What a device asks of its twin is carried out and not answered: a report is applied, and its sender cannot know.",
    like: "QoS 0 on the way back",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: { operation },
  },
  "desired-lost": {
    summary: "A connected device is not told of a change of its desired properties.",
    like: "QoS 0; iot-hub-devguide-device-twins has devices compare $version and fetch what they missed",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: {},
  },
  "desired-duplicated": {
    summary: "A device is told of a change of its desired properties more than once.",
    like: "at-least-once delivery inside the hub",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: { copies: range(1, 100, [1, 3], 1) },
  },
  "desired-delayed": {
    summary: "A device is told late of a change of its desired properties; later changes may overtake it.",
    like: "a busy partition of the hub",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: { delayMs: range(1, 600_000, [50, 3_000], 1_000) },
  },
  "desired-reordered": {
    summary: "A change of desired properties is told after the one that follows it, or after so long if none follows.",
    like: "iot-hub-devguide-device-twins: a device is to compare $version, since updates may come in any order",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: { atMostMs: range(1, 600_000, [500, 5_000], 5_000) },
  },
});
