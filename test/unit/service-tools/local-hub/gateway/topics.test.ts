import { describe, expect, it } from "vitest";
import type { Target } from "../../../../../service-tools/local-hub/lib/target.ts";
import {
  desiredTopic,
  maySubscribe,
  methodTopic,
  parseTopic,
  receivesMethod,
  twinResponseTopic,
} from "../../../../../service-tools/local-hub/gateway/topics.ts";

const device: Target = { deviceId: "board-1" };
const module: Target = { deviceId: "board-1", moduleId: "agent" };
const none = { system: {}, application: {} };

describe("a PUBLISH", () => {
  it.each<{ who: Target; topic: string; says: unknown }>([
    { who: device, topic: "devices/board-1/messages/events/", says: { kind: "telemetry", properties: none } },
    { who: device, topic: "devices/board-1/messages/events", says: { kind: "telemetry", properties: none } },
    {
      who: device,
      topic: "devices/board-1/messages/events/%24.ct=application%2Fjson&%24.ce=utf-8&alert=true&empty=&none",
      says: {
        kind: "telemetry",
        properties: {
          system: { "content-type": "application/json", "content-encoding": "utf-8" },
          application: { alert: "true", empty: "", none: null },
        },
      },
    },
    {
      who: module,
      topic: "devices/board-1/modules/agent/messages/events/",
      says: { kind: "telemetry", properties: none },
    },
    {
      who: module,
      topic: "devices/board-1/modules/agent/messages/events/%24.on=out/",
      says: { kind: "telemetry", properties: { system: { "iothub-outputname": "out" }, application: {} } },
    },
    { who: device, topic: "$iothub/twin/GET/?$rid=a-1", says: { kind: "getTwin", requestId: "a-1" } },
    {
      who: device,
      topic: "$iothub/twin/PATCH/properties/reported/?$rid=7",
      says: { kind: "patchReported", requestId: "7" },
    },
    {
      who: device,
      topic: "$iothub/twin/PATCH/properties/reported/?$rid=7&$version=12",
      says: { kind: "patchReported", requestId: "7", baseVersion: 12 },
    },
    {
      who: device,
      topic: "$iothub/methods/res/200/?$rid=3",
      says: { kind: "methodResponse", requestId: "3", status: 200 },
    },
    {
      who: device,
      topic: "$iothub/methods/res/-1/?$rid=3",
      says: { kind: "methodResponse", requestId: "3", status: -1 },
    },
  ])("to $topic is understood", ({ who, topic, says }) => {
    expect(parseTopic(topic, who)).toEqual(says);
  });

  it.each<{ who: Target; topic: string; why: string }>([
    { who: device, topic: "devices/board-2/messages/events/", why: "another device's" },
    { who: device, topic: "devices/board-1/modules/agent/messages/events/", why: "a module's, from its device" },
    { who: module, topic: "devices/board-1/messages/events/", why: "the device's, from its module" },
    { who: device, topic: "devices/board-1/messages/eventsx", why: "not the name" },
    { who: device, topic: "devices/board-1/messages/devicebound/", why: "the hub's own" },
    { who: device, topic: "$iothub/twin/GET/", why: "no request id" },
    { who: device, topic: "$iothub/twin/GET/?$rid=", why: "an empty request id" },
    { who: device, topic: "$iothub/twin/PATCH/properties/desired/?$rid=1", why: "the service's to write" },
    {
      who: device,
      topic: "$iothub/twin/PATCH/properties/reported/?$rid=1&$version=x",
      why: "a version that is no number",
    },
    { who: device, topic: "$iothub/methods/POST/reboot/?$rid=1", why: "the hub's own" },
    { who: device, topic: "$iothub/methods/res/ok/?$rid=1", why: "a status that is no number" },
    { who: device, topic: "home/kitchen", why: "not a topic of IoT Hub" },
    { who: device, topic: "devices/board-1/messages/events/%E0%A4%A", why: "a property bag that cannot be read" },
  ])("to $topic is refused: $why", ({ who, topic }) => {
    expect(parseTopic(topic, who)).toBeUndefined();
  });
});

describe("a SUBSCRIBE", () => {
  it.each<{ who: Target; filter: string; allowed: boolean }>([
    { who: device, filter: "$iothub/methods/POST/#", allowed: true },
    { who: device, filter: "$iothub/methods/POST/reboot/#", allowed: true },
    { who: device, filter: "$iothub/twin/res/#", allowed: true },
    { who: device, filter: "$iothub/twin/PATCH/properties/desired/#", allowed: true },
    { who: device, filter: "devices/board-1/messages/devicebound/#", allowed: true },
    { who: module, filter: "devices/board-1/modules/agent/#", allowed: true },
    { who: module, filter: "devices/board-1/modules/agent/inputs/#", allowed: true },
    { who: module, filter: "devices/board-1/messages/devicebound/#", allowed: false },
    { who: device, filter: "devices/board-2/messages/devicebound/#", allowed: false },
    { who: device, filter: "devices/board-1/messages/events/#", allowed: false },
    { who: device, filter: "$iothub/methods/res/#", allowed: false },
    { who: device, filter: "$iothub/#", allowed: false },
    { who: device, filter: "#", allowed: false },
    { who: device, filter: "+/+/messages/devicebound/#", allowed: false },
    { who: device, filter: "$SYS/#", allowed: false },
  ])("of $filter by $who: $allowed", ({ who, filter, allowed }) => {
    expect(maySubscribe(filter, who)).toBe(allowed);
  });

  it("of one method receives that method alone", () => {
    expect(receivesMethod("$iothub/methods/POST/reboot/#", "reboot")).toBe(true);
    expect(receivesMethod("$iothub/methods/POST/reboot/#", "update")).toBe(false);
    expect(receivesMethod("$iothub/methods/POST/#", "update")).toBe(true);
    expect(receivesMethod("$iothub/twin/res/#", "update")).toBe(false);
  });
});

describe("the hub's own topics", () => {
  it("are those of iot-mqtt-connect-to-iot-hub", () => {
    expect(methodTopic("reboot", "1a")).toBe("$iothub/methods/POST/reboot/?$rid=1a");
    expect(twinResponseTopic(200, "r")).toBe("$iothub/twin/res/200/?$rid=r");
    expect(twinResponseTopic(204, "1", 6)).toBe("$iothub/twin/res/204/?$rid=1&$version=6");
    expect(desiredTopic(8)).toBe("$iothub/twin/PATCH/properties/desired/?$version=8");
  });
});
