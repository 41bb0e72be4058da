import { createHash } from "node:crypto";
import type { JsonObject } from "../../agent/contract/json.ts";
import type { Scenario } from "./world.ts";

const digest = (text: string): string => createHash("sha256").update(text).digest("hex");

function image(version: string): JsonObject {
  const uri = `https://images.example/${version}`;
  return { fwPackageUri: uri, fwPackageCheckValue: digest(uri), fwVersion: version };
}

const update = { id: "update", method: "firmwareUpdate", payload: { ...image("2.0.0"), operationId: "op-1" } };
const plain: Omit<Scenario, "name"> = {
  restart: "board",
  qualities: ["good", "dead", "deaf"],
  desired: {},
  requests: [],
  cancel: { id: "cancel", method: "cancelFirmwareUpdate", payload: {} },
  nextDesired: { firmware: image("3.0.0") },
};

export const scenarios = {
  method: { ...plain, name: "an update by a method", requests: [update] },
  desired: { ...plain, name: "an update by the desired properties", desired: { firmware: image("2.0.0") } },
  service: { ...plain, name: "an update of a service", requests: [update], restart: "service", qualities: ["good"] },
  deafService: {
    ...plain,
    name: "an update to a service that cannot reach the hub",
    requests: [update],
    restart: "service",
    qualities: ["deaf"],
  },
  reboot: {
    ...plain,
    name: "a reboot",
    requests: [{ id: "reboot", method: "rebootDevice", payload: { operationId: "rb-1", delaySeconds: 2 } }],
    cancel: { id: "cancel", method: "cancelReboot", payload: {} },
    nextDesired: undefined,
  },
  rebootDuringUpdate: {
    ...plain,
    name: "a reboot asked for during an update",
    requests: [{ id: "reboot", method: "rebootDevice", payload: { operationId: "rb-1", delaySeconds: 2 } }, update],
    cancel: { id: "cancel", method: "cancelReboot", payload: {} },
  },
} satisfies Record<string, Scenario>;
