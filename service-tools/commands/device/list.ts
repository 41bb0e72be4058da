import { byName, deviceQuery, listedFrom, moduleQuery, type Listed } from "../../boards/device-query.ts";
import { nameOf, type HubClient } from "../../hub-client/hub-client.ts";
import { renderTable } from "../../cli/output.ts";
import type { World } from "../../cli/context.ts";
import type { HubOptions } from "../options.ts";
import { printResult } from "../result.ts";

export interface ListOptions extends HubOptions {
  readonly modules?: boolean;
}

const columns = ["Name", "Link", "Firmware", "Update", "Last reboot"] as const;

/** `boardkeeper device list` */
export async function listDevices({ out, err }: World, client: HubClient, options: ListOptions): Promise<void> {
  const { modules = false, output } = options;
  const rows = (await client.query(modules ? moduleQuery : deviceQuery)).map(listedFrom).sort(byName);
  if (rows.length === 0) {
    const what = modules ? "modules" : "devices";
    err.write(
      `The hub has no ${what} yet. Add one with: boardkeeper device add -d board-1${modules ? " -m agent" : ""}\n`,
    );
  }
  printResult(out, output, {
    json: rows.map((row) => ({ ...row })),
    text: rows.length === 0 ? "" : `${renderTable("table", columns, rows.map(rowFor))}\n`,
  });
}

function rowFor(row: Listed): Record<(typeof columns)[number], string | null> {
  const link = row.connectionState === "Connected" ? "connected" : "offline";
  return {
    Name: nameOf({ deviceId: row.deviceId, moduleId: row.moduleId ?? undefined }),
    Link: row.status === "disabled" ? "disabled" : link,
    Firmware: row.firmwareVersion,
    Update: row.updatePhase,
    "Last reboot": row.lastReboot,
  };
}
