import type { Command } from "commander";
import * as v from "valibot";
import { exitCodes } from "../../cli/exit-codes.ts";
import { imageServerPid } from "../../images/server-process.ts";
import { runningHubPid } from "../../local-hub/storage/folder-lock.ts";
import { formatRecord, formatTable, outputOption, printResult, type Format } from "../../cli/output.ts";
import type { Context } from "../../context.ts";
import { folderArgument, folderOption, hubFolder, adminJson, requireHubInfo } from "./folder.ts";

const statusSchema = v.object({
  hubName: v.string(),
  devices: v.array(
    v.object({
      deviceId: v.string(),
      status: v.string(),
      connected: v.boolean(),
      modules: v.array(v.object({ moduleId: v.string(), connected: v.boolean() })),
    }),
  ),
});

type Devices = v.InferOutput<typeof statusSchema>["devices"];

/** `boardkeeper hub status` */
export function addHubStatus(hub: Command, { out, err }: Context): void {
  hub
    .command("status")
    .description("show whether the local hub is running, where, and which devices are connected")
    .addOption(folderOption())
    .addOption(outputOption())
    .action(async (options: { folder?: string; output: Format }) => {
      const folder = hubFolder(options.folder);
      const hubInfo = await requireHubInfo(folder);
      const [pid, imagesPid] = [await runningHubPid(folder), await imageServerPid(folder)];
      const devices =
        pid === undefined ? [] : v.parse(statusSchema, await adminJson(folder, "/local-hub/status")).devices;
      const status = {
        running: pid !== undefined,
        pid,
        folder,
        mqttPort: hubInfo.mqttPort,
        httpsPort: hubInfo.httpsPort,
        caFile: hubInfo.caFile,
        imageServer: { running: imagesPid !== undefined, pid: imagesPid, url: hubInfo.imagesUrl },
      };
      printResult(out, options.output, { json: { ...status, devices }, text: `${formatTables(status, devices)}\n` });
      if (pid === undefined) {
        err.write(`The hub is not running. Start it with: boardkeeper hub start${folderArgument(folder)}\n`);
        process.exitCode = exitCodes.hubUnreachable;
      } else if (imagesPid === undefined) {
        err.write(`The image server is not running. Start it with: boardkeeper image serve${folderArgument(folder)}\n`);
      }
    });
}

function formatTables(
  { imageServer, ...hub }: { imageServer: { running: boolean; pid: number | undefined; url: string } } & object,
  devices: Devices,
): string {
  const record = formatRecord({ ...hub, images: imageServer.running ? imageServer.url : "not running" });
  const rows = devices.flatMap(({ deviceId, status, connected, modules }) => {
    const own = { identity: deviceId, status, connected };
    return [
      own,
      ...modules.map((one) => ({ identity: `${deviceId}/${one.moduleId}`, status, connected: one.connected })),
    ];
  });
  return rows.length === 0 ? record : `${record}\n\n${formatTable(["identity", "status", "connected"], rows)}`;
}
