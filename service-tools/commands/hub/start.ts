import { join } from "node:path";
import type { Command } from "commander";
import { startImageProcess } from "../../images/server-process.ts";
import type { LocalHub } from "../../local-hub/options.ts";
import { formatLogEntry } from "../../cli/output.ts";
import type { Context } from "../../context.ts";
import { stopSignal } from "../../cli/signals.ts";
import { startInBackground, notifyStarter } from "./background.ts";
import { folderArgument, folderOption, homePrefix, hubFolder, shellQuote } from "./folder.ts";

interface StartOptions {
  readonly folder?: string;
  readonly standardPorts?: boolean;
  readonly background?: boolean;
}

/** `boardkeeper hub start` */
export function addHubStart(hub: Command, context: Context): void {
  hub
    .command("start")
    .description("start a local hub: an emulator of Azure IoT Hub, for this machine only")
    .addOption(folderOption())
    .option("--standard-ports", "use the ports 8883 and 443, for programs that cannot be given a port")
    .option("--background", "return once the hub is running; stop it with: boardkeeper hub stop")
    .action(async ({ folder: given, standardPorts = false, background = false }: StartOptions) => {
      const folder = hubFolder(given);
      if (background) await startInBackground(folder, standardPorts, context);
      else await runInForeground(folder, standardPorts, context);
    });
}

async function runInForeground(folder: string, standardPorts: boolean, { out, err, programs }: Context): Promise<void> {
  const note = (text: string): void => err.write(`${text}\n`);
  const stopped = stopSignal();
  // Loaded only here, because these modules slow down the start of every other command.
  const { startLocalHub } = await import("../../local-hub/start.ts");
  const hub = await startLocalHub({
    folder,
    standardPorts,
    log: (entry) => note(formatLogEntry(entry)),
    imagesElsewhere: true,
    startImages: async ({ port }) =>
      startImageProcess(programs.cli, folder, port, (pid, how) => note(imageServerEnded(folder, pid, how))),
  });
  const text = summary(hub, standardPorts);
  out.write(`${text}\n`);
  if (process.connected) notifyStarter(text);
  else note("The hub is running. Stop it with Ctrl-C.");
  await stopped;
  await hub.stop();
  note("The hub has stopped. Its state is kept for the next start.");
}

/** How to reach the hub, and what to type next. */
function summary(hub: LocalHub, standardPorts: boolean): string {
  const folder = folderArgument(hub.folder);
  const before = homePrefix(hub.folder);
  const login = hub.serviceConnectionString();
  return [
    // Most SDKs accept no port in a connection string, and need none with the standard ports.
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
          "Commands for boards find a hub only in a folder named hub. To use them, start this hub with:",
          `  boardkeeper hub start --folder ${shellQuote(join(hub.folder, "hub"))}`,
        ]
      : []),
  ].join("\n");
}

function imageServerEnded(folder: string, pid: number, how: string): string {
  return (
    `The image server (process ${pid}) has ended: ${how}. No device can download an image until it runs again. ` +
    `Start it with: boardkeeper image serve${folderArgument(folder)}`
  );
}
