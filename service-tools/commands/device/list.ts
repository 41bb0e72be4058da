import type { Command } from "commander";
import type { Json, JsonObject } from "../../../agent/contract/json.ts";
import { formatTable, printResult } from "../../cli/output.ts";
import { withHub, type Context } from "../../context.ts";
import { targetName, type HubClient } from "../../hub-client/hub-client.ts";
import { withHubOptions, type HubOptions } from "../options.ts";

interface ListOptions extends HubOptions {
  readonly modules?: boolean;
}

/** `boardkeeper device list` */
export function addDeviceList(device: Command, context: Context): void {
  withHubOptions(device.command("list").option("--modules", "list the modules of all devices instead"))
    .description("list the devices with their link, firmware, update and last reboot")
    .action((options: ListOptions) => withHub(context, options, (client) => listDevices(context, client, options)));
}

async function listDevices({ out, err }: Context, client: HubClient, options: ListOptions): Promise<void> {
  const { modules = false, output } = options;
  const rows = (await client.query(modules ? moduleQuery : deviceQuery)).map(parseRow).sort(byName);
  if (rows.length === 0) {
    const what = modules ? "modules" : "devices";
    const add = `boardkeeper device add -d board-1${modules ? " -m agent" : ""}`;
    err.write(`The hub has no ${what} yet. Add one with: ${add}\n`);
  }
  printResult(out, output, {
    json: rows,
    text: rows.length === 0 ? "" : `${formatTable(columns, rows.map(toCells))}\n`,
  });
}

const reported = "properties.reported.boardkeeper";
const sharedFields = `connectionState, ${reported}.firmwareVersion AS firmwareVersion, ${reported}.update.phase AS updatePhase, ${reported}.reboot.lastProven.at AS lastReboot`;

/** One query for all devices: one request per device would be throttled. */
const deviceQuery = `SELECT deviceId, status, ${sharedFields} FROM devices`;
const moduleQuery = `SELECT deviceId, moduleId, ${sharedFields} FROM devices.modules`;

interface DeviceRow {
  readonly deviceId: string;
  readonly moduleId: string | null;
  readonly status: string | null;
  readonly connectionState: string | null;
  readonly firmwareVersion: string | null;
  readonly updatePhase: string | null;
  readonly lastReboot: string | null;
}

/** A row of the query's result. The hub leaves out what is absent; that becomes null. */
function parseRow(row: JsonObject): DeviceRow {
  return {
    deviceId: textOrNull(row["deviceId"]) ?? "",
    moduleId: textOrNull(row["moduleId"]),
    status: textOrNull(row["status"]),
    connectionState: textOrNull(row["connectionState"]),
    firmwareVersion: textOrNull(row["firmwareVersion"]),
    updatePhase: textOrNull(row["updatePhase"]),
    lastReboot: textOrNull(row["lastReboot"]),
  };
}

/** So that two lists can be compared. */
function byName(a: DeviceRow, b: DeviceRow): number {
  return `${a.deviceId}/${a.moduleId ?? ""}` < `${b.deviceId}/${b.moduleId ?? ""}` ? -1 : 1;
}

const columns = ["Name", "Link", "Firmware", "Update", "Last reboot"] as const;

function toCells(row: DeviceRow): Record<(typeof columns)[number], string | null> {
  const link = row.connectionState === "Connected" ? "connected" : "offline";
  return {
    Name: targetName({ deviceId: row.deviceId, moduleId: row.moduleId ?? undefined }),
    Link: row.status === "disabled" ? "disabled" : link,
    Firmware: row.firmwareVersion,
    Update: row.updatePhase,
    "Last reboot": row.lastReboot,
  };
}

function textOrNull(value: Json | undefined): string | null {
  return typeof value === "string" ? value : null;
}
