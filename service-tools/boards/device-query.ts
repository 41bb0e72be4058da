import type { Json, JsonObject } from "../../agent/contract/json.ts";

/** A row of `device list`: what is worth seeing of many boards at once. */
export interface Listed {
  readonly deviceId: string;
  readonly moduleId: string | null;
  readonly status: string | null;
  readonly connectionState: string | null;
  readonly firmwareVersion: string | null;
  readonly updatePhase: string | null;
  readonly lastReboot: string | null;
}

const reported = "properties.reported.boardkeeper";
const ofBoth = `connectionState, ${reported}.firmwareVersion AS firmwareVersion, ${reported}.update.phase AS updatePhase, ${reported}.reboot.lastProven.at AS lastReboot`;

/** One query tells of all devices: never a call for each, which would not scale and would be throttled. */
export const deviceQuery = `SELECT deviceId, status, ${ofBoth} FROM devices`;
export const moduleQuery = `SELECT deviceId, moduleId, ${ofBoth} FROM devices.modules`;

/** A row of the query's answer; what the hub leaves out is null. */
export function listedFrom(row: JsonObject): Listed {
  return {
    deviceId: text(row["deviceId"]) ?? "",
    moduleId: text(row["moduleId"]),
    status: text(row["status"]),
    connectionState: text(row["connectionState"]),
    firmwareVersion: text(row["firmwareVersion"]),
    updatePhase: text(row["updatePhase"]),
    lastReboot: text(row["lastReboot"]),
  };
}

/** By name, so that two lists can be compared. */
export function byName(a: Listed, b: Listed): number {
  return `${a.deviceId}/${a.moduleId ?? ""}` < `${b.deviceId}/${b.moduleId ?? ""}` ? -1 : 1;
}

function text(value: Json | undefined): string | null {
  return typeof value === "string" ? value : null;
}
