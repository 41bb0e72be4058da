import { kinds, choice, range } from "./fault-kind.ts";

const overMqtt = ["mqtt", "websockets"] as const;

/** Faults of direct methods, of the call and of the response. */
export const methodKinds = kinds({
  "method-lost": {
    summary: "A call never reaches its device. The caller gets 504101.",
    like: "'Method requests are QoS 0' (iot-hub-devguide-direct-methods)",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: {},
  },
  "method-late": {
    summary: "A call reaches its device after the caller's timeout.",
    like: "a device with a short loss of connection; the call failed for its caller, but is carried out",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: {},
  },
  "method-duplicated": {
    summary: "A call reaches its device more than once, with the same request id or with another.",
    like: "a gateway that retries; with another id, a caller whose SDK retries (azure-iothub retries 429, 500 and 503)",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: { copies: range(1, 100, [1, 3], 1), requestId: choice("same", "other") },
  },
  "method-answer-lost": {
    summary: "The device's response is lost. The caller gets 504101, although the method was carried out.",
    like: "QoS 0: the response is lost",
    on: overMqtt,
    acts: "occasion",
    forOne: true,
    parameters: {},
  },
});
