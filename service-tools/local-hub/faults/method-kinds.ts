import { kinds } from "./kind.ts";
import { choice, range } from "./parameters.ts";

const overMqtt = ["mqtt", "websockets"] as const;

/** Faults of direct methods on their way to a device and back. */
export const methodKinds = kinds({
  "method-lost": {
    summary: "A call never reaches its device. The caller waits for a 504101.",
    like: "'Method requests are QoS 0' (iot-hub-devguide-direct-methods)",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: {},
  },
  "method-late": {
    summary: "A call reaches its device after its caller has given up.",
    like: "a device that was away for a moment; to the caller it failed, and yet it will be carried out",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: {},
  },
  "method-duplicated": {
    summary: "A call reaches its device more than once, with the same request id or with another one.",
    like: "a gateway that retries; or, with another id, a caller whose SDK does (azure-iothub retries 429, 500 and 503)",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: { copies: range(1, 100, [1, 3], 1), requestId: choice("same", "other") },
  },
  "method-answer-lost": {
    summary: "The device's answer does not arrive. The caller waits for a 504101, and the method was carried out.",
    like: "QoS 0 on the way back",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: {},
  },
});
