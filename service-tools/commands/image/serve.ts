import { Command, InvalidArgumentError } from "commander";
import { claimImages, leaveHub, tellHub } from "../../images/process.ts";
import { logLine } from "../../cli/log-line.ts";
import type { Output } from "../../cli/output.ts";
import { stopSignal } from "../../cli/signals.ts";
import { folderOption, hubFolder, neverStarted, requireHubContext } from "../hub/folder.ts";

export function imageServeCommand(output: Output): Command {
  return new Command("serve")
    .description("serve the published images (hub start does this by itself)")
    .addOption(folderOption())
    .option("--port <port>", "0 for a free one (default: as at the hub's last start)", portArgument)
    .action(async (options: { folder?: string; port?: number }) =>
      serve(hubFolder(options.folder), options.port, output),
    );
}

async function serve(folder: string, wantedPort: number | undefined, output: Output): Promise<void> {
  // Loaded when images are served, not for every command line.
  const { readServerCertificate } = await import("../../local-hub/tls/credentials.ts");
  const { startImageServer } = await import("../../images/server.ts");
  const { systemClock } = await import("../../local-hub/lib/clock.ts");
  const { networkWithoutFaults } = await import("../../local-hub/network/faulty-socket.ts");
  const certificate = await readServerCertificate(folder);
  const port = wantedPort ?? Number(new URL((await requireHubContext(folder)).imagesUrl).port);
  if (certificate === undefined) throw neverStarted(folder);
  const place = await claimImages(folder);
  // Ctrl-C in the terminal of a hub reaches its image server too; there it is the hub that says when to stop.
  const stopped = stopSignal(process.connected ? ["SIGTERM"] : ["SIGINT", "SIGTERM"]);
  if (process.connected) process.on("SIGINT", () => undefined);
  const log = (entry: Parameters<typeof logLine>[0]): void => output.note(logLine(entry));
  const network = networkWithoutFaults(systemClock, log);
  try {
    const server = await startImageServer({ folder, port, ...certificate, network, log });
    const hubGone = tellHub(server.port);
    if (hubGone === undefined) output.note(`Images are served at https://localhost:${server.port}/. Stop with Ctrl-C.`);
    await Promise.race(hubGone === undefined ? [stopped] : [stopped, hubGone]);
    await server.close();
  } finally {
    await place.release();
    leaveHub();
  }
}

function portArgument(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError("A port is a number from 0 to 65535.");
}
