import { createHash } from "node:crypto";
import type { JsonObject } from "../../agent/contract/json.ts";
import { byDepth } from "../support/depth.ts";
import { startBy } from "./clock-state.ts";
import type { Scenario } from "./environment.ts";
import { documentChanges, twinChanges } from "./hub-state.ts";

const digest = (text: string): string => createHash("sha256").update(text).digest("hex");

function image(version: string): JsonObject {
  const uri = `https://images.example/${version}`;
  return { fwPackageUri: uri, fwPackageCheckValue: digest(uri), fwVersion: version };
}

const update = { id: "update", method: "firmwareUpdate", payload: { ...image("2.0.0"), operationId: "op-1" } };
const plain: Omit<Scenario, "name"> = {
  restart: "board",
  mode: "systemd",
  supersededBy: undefined,
  qualities: ["good", "unbootable", "offline"],
  desired: {},
  requests: [],
  cancel: { id: "cancel", method: "cancelFirmwareUpdate", payload: {} },
  nextDesired: { firmware: image("3.0.0") },
  // A changed twin is put right alike, whatever the board does: it is tried where that costs little, and everywhere in the deep run.
  twinChanges: byDepth([], twinChanges),
};

const reboot = { id: "reboot", method: "rebootDevice", payload: { operationId: "rb-1", delaySeconds: 2 } };
const rebootScenario = {
  ...plain,
  cancel: { id: "cancel", method: "cancelReboot", payload: {} },
  nextDesired: undefined,
};

const byHelper = {
  ...plain,
  requests: [update],
  restart: "service",
  viaHelper: true,
  qualities: ["good"],
  cancel: undefined,
  nextDesired: undefined,
  twinChanges: [],
} satisfies Omit<Scenario, "name">;

export const scenarios = {
  method: { ...plain, name: "an update by a method", requests: [update] },
  desired: {
    ...plain,
    name: "an update by the desired properties",
    desired: { firmware: image("2.0.0") },
    twinChanges,
  },
  service: { ...plain, name: "an update of a service", requests: [update], restart: "service", qualities: ["good"] },
  offlineService: {
    ...plain,
    name: "an update to a service that cannot reach the hub",
    requests: [update],
    restart: "service",
    qualities: ["offline"],
  },
  helper: { ...byHelper, name: "an update of a service by root's helper" },
  helperWithPower: {
    ...byHelper,
    name: "an update of a service by root's helper, where power stays and one program ends at a time",
    powerStays: true,
  },
  crashing: {
    ...plain,
    name: "an update to a system that crashes, and then to one that does not",
    requests: [
      update,
      {
        id: "second",
        method: "firmwareUpdate",
        payload: { ...image("3.0.0"), operationId: "op-2" },
        whenPhase: "rolledBack",
      },
    ],
    qualities: ["crashing"],
    nextDesired: undefined,
  },
  nothingRestarts: {
    ...plain,
    name: "an update after which nothing restarts",
    requests: [update],
    restart: "none",
    qualities: ["good"],
  },
  superseded: {
    ...plain,
    name: "a desired update that another one takes the place of",
    desired: { firmware: image("2.0.0") },
    supersededBy: { firmware: image("3.0.0") },
    qualities: ["good"],
    nextDesired: undefined,
  },
  documents: {
    ...plain,
    name: "a desired update whose document changes, goes and comes back",
    desired: { firmware: image("2.0.0") },
    restart: "none",
    qualities: ["good"],
    cancel: undefined,
    documentChanges,
  },
  manual: {
    ...plain,
    twinChanges,
    name: "an update that is applied by order",
    requests: [
      { ...update, payload: { ...update.payload, apply: "manual" } },
      { id: "apply", method: "applyFirmwareUpdate", payload: {}, whenPhase: "staged" },
    ],
    qualities: ["good"],
    nextDesired: undefined,
  },
  lease: {
    ...plain,
    name: "an update that must begin by some time",
    restart: "service",
    requests: [{ ...update, payload: { ...update.payload, startBy } }],
    qualities: ["good"],
    cancel: undefined,
    nextDesired: undefined,
    lease: { clockAtBoot: "set", expiresInTheEnd: false },
  },
  leaseWithoutClock: {
    ...plain,
    name: "a desired update that must begin by some time, on a board without the time",
    desired: { firmware: { ...image("2.0.0"), startBy } },
    restart: "none",
    qualities: ["good"],
    cancel: undefined,
    nextDesired: undefined,
    lease: { clockAtBoot: "unset", expiresInTheEnd: false },
  },
  leaseInTheEnd: {
    ...plain,
    name: "an update whose time to begin passes while it waits for an order",
    requests: [{ ...update, payload: { ...update.payload, startBy, apply: "manual" } }],
    qualities: ["good"],
    nextDesired: undefined,
    lease: { clockAtBoot: "set", expiresInTheEnd: true },
  },
  signed: {
    ...plain,
    name: "an update by a version alone, on a board that trusts nobody once the new system runs",
    restart: "service",
    requests: [{ ...update, payload: { fwVersion: "2.0.0", operationId: "op-1" } }],
    qualities: ["good"],
    nextDesired: undefined,
    isSigned: true,
  },
  dryRun: {
    ...plain,
    name: "a dry run",
    mode: "simulated",
    requests: [{ id: "update", method: "firmwareUpdate", payload: { fwPackageUri: "test.com", operationId: "op-1" } }],
    qualities: ["good"],
    nextDesired: undefined,
  },
  rebootAtOnce: {
    ...rebootScenario,
    twinChanges,
    name: "a reboot at once",
    requests: [{ ...reboot, payload: { operationId: "rb-1" } }],
  },
  reboot: { ...rebootScenario, name: "a reboot after a delay", requests: [reboot] },
  rebootCancelled: {
    ...rebootScenario,
    name: "a reboot that is cancelled",
    requests: [reboot, { id: "take back", method: "cancelReboot", payload: {} }],
  },
  rebootDuringUpdate: {
    ...plain,
    name: "a reboot asked for during an update",
    requests: [reboot, update],
    cancel: { id: "cancel", method: "cancelReboot", payload: {} },
  },
} satisfies Record<string, Scenario>;
