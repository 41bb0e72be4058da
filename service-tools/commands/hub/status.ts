import { Command } from "commander";
import * as v from "valibot";
import type { HubContext } from "../../cli/hub-info.ts";
import { exitCodes } from "../../cli/exit-codes.ts";
import { imageServerPid } from "../../images/process.ts";
import { runningHubPid } from "../../local-hub/storage/folder-lock.ts";
import { outputOption, renderRecord, renderTable } from "../../cli/output.ts";
import type { Format, Output } from "../../cli/output.ts";
import { folderArgument, folderOption, hubFolder, pageLines, requireHubContext } from "./folder.ts";

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

export function hubStatusCommand(output: Output): Command {
  return new Command("status")
    .description("show whether the local hub runs, where, and who is connected")
    .addOption(folderOption())
    .addOption(outputOption())
    .action(async (options: { folder?: string; output: Format }) => {
      const folder = hubFolder(options.folder);
      const context = await requireHubContext(folder);
      const [hub, images] = [await runningHubPid(folder), await imageServerPid(folder)];
      const devices = hub === undefined ? [] : await readDevices(folder, context);
      const status = {
        running: hub !== undefined,
        pid: hub,
        folder,
        mqttPort: context.mqttPort,
        httpsPort: context.httpsPort,
        caFile: context.caFile,
        imageServer: { running: images !== undefined, pid: images, url: context.imagesUrl },
      };
      output.result(
        options.output === "json" ? renderRecord("json", { ...status, devices }) : asTables(status, devices),
      );
      if (hub === undefined) {
        output.note(`The hub is not running. Start it with: boardkeeper hub start${folderArgument(folder)}`);
        process.exitCode = exitCodes.hubUnreachable;
      } else if (images === undefined) {
        output.note(`The image server is not running. Start it with: boardkeeper image serve${folderArgument(folder)}`);
      }
    });
}

async function readDevices(folder: string, context: HubContext): Promise<Devices> {
  const lines: string[] = [];
  for await (const line of pageLines(folder, context, "/local-hub/status")) lines.push(line);
  return v.parse(statusSchema, JSON.parse(lines.join(""))).devices;
}

function asTables(
  { imageServer, ...hub }: { imageServer: { running: boolean; pid: number | undefined; url: string } } & object,
  devices: Devices,
): string {
  const record = renderRecord("table", { ...hub, images: imageServer.running ? imageServer.url : "not running" });
  const rows = devices.flatMap(({ deviceId, status, connected, modules }) => {
    const own = { identity: deviceId, status, connected };
    return [
      own,
      ...modules.map((one) => ({ identity: `${deviceId}/${one.moduleId}`, status, connected: one.connected })),
    ];
  });
  return rows.length === 0 ? record : `${record}\n\n${renderTable("table", ["identity", "status", "connected"], rows)}`;
}
