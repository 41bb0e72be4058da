import { join } from "node:path";
import { Command } from "commander";
import { startImageProcess } from "../../images/process.ts";
import type { Program } from "../../images/process.ts";
import type { LocalHub } from "../../local-hub/options.ts";
import { logLine } from "../../cli/log-line.ts";
import type { Output } from "../../cli/output.ts";
import { stopSignal } from "../../cli/signals.ts";
import { startInBackground, tellStarter } from "./background.ts";
import { folderArgument, folderOption, homeBefore, hubFolder, quoted } from "./folder.ts";

interface StartOptions {
  readonly folder?: string;
  readonly standardPorts?: boolean;
  readonly background?: boolean;
}

export function hubStartCommand(output: Output, program: Program): Command {
  return new Command("start")
    .description("start a local hub: an emulator of Azure IoT Hub for this machine alone")
    .addOption(folderOption())
    .option("--standard-ports", "serve 8883 and 443, for programs that can be given no port")
    .option("--background", "return when the hub is up; stop it with: boardkeeper hub stop")
    .action(async ({ folder: given, standardPorts = false, background = false }: StartOptions) => {
      const folder = hubFolder(given);
      if (background) await startInBackground(folder, standardPorts, output, program);
      else await runInForeground(folder, standardPorts, output, program);
    });
}

async function runInForeground(
  folder: string,
  standardPorts: boolean,
  output: Output,
  program: Program,
): Promise<void> {
  const stopped = stopSignal();
  // Loaded when a hub is started, not for every command line.
  const { startLocalHub } = await import("../../local-hub/start.ts");
  const hub = await startLocalHub({
    folder,
    standardPorts,
    log: (entry) => output.note(logLine(entry)),
    imagesElsewhere: true,
    startImages: async ({ port }) =>
      startImageProcess(program, folder, port, (pid, how) => output.note(imagesDied(folder, pid, how))),
  });
  const told = summary(hub, standardPorts);
  output.result(told);
  if (process.connected) tellStarter(told);
  else output.note("The hub is running. Stop it with Ctrl-C.");
  await stopped;
  await hub.stop();
  output.note("The hub has stopped. It will come back as it was.");
}

/** What to know of a hub that has just started, and what to type next. */
function summary(hub: LocalHub, standardPorts: boolean): string {
  const folder = folderArgument(hub.folder);
  const before = homeBefore(hub.folder);
  const login = hub.serviceConnectionString();
  return [
    // Most SDKs take no port in it; with the standard ports they need none.
    `Service connection string  ${standardPorts ? login.replace(/^(HostName=[^;]*):\d+;/, "$1;") : login}`,
    `CA certificate             ${hub.caFile}`,
    `MQTT                       localhost:${hub.ports.mqtt}`,
    `HTTPS and WebSockets       localhost:${hub.ports.https}`,
    `Images                     ${hub.imagesUrl}`,
    `Files for other programs   ${hub.folder}/context.json, ${hub.folder}/devices/<deviceId>.json`,
    "",
    "What to type next, in another terminal:",
    ...(process.env["IOTHUB_CONNECTION_STRING"] ? ["  unset IOTHUB_CONNECTION_STRING   # it names another hub"] : []),
    ...(before === undefined ? [] : [`  ${before}boardkeeper device add -d board-1`]),
    `  boardkeeper hub status${folder}`,
    `  boardkeeper hub events --follow${folder}`,
    `  boardkeeper image publish FILE${folder}`,
    ...(before === undefined
      ? [
          "",
          "Commands about boards find a hub only in a folder named hub. For them, start this one so:",
          `  boardkeeper hub start --folder ${quoted(join(hub.folder, "hub"))}`,
        ]
      : []),
  ].join("\n");
}

function imagesDied(folder: string, pid: number, how: string): string {
  return (
    `The image server (process ${pid}) has ended: ${how}. Images cannot be downloaded until it runs again. ` +
    `Start it with: boardkeeper image serve${folderArgument(folder)}`
  );
}
