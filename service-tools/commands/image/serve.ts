import { InvalidArgumentError, type Command } from "commander";
import { lockImageServer, disconnectFromHub, notifyHub } from "../../images/server-process.ts";
import { formatLogEntry } from "../../cli/output.ts";
import type { Screen } from "../../cli/screen.ts";
import type { Context } from "../../context.ts";
import { stopSignal } from "../../cli/signals.ts";
import { folderOption, hubFolder, neverStarted, requireHubInfo } from "../hub/folder.ts";

/** `boardkeeper image serve`, and the image server process that `hub start` starts. */
export function addImageServe(image: Command, { err }: Context): void {
  image
    .command("serve")
    .description("serve the published images (hub start does this itself)")
    .addOption(folderOption())
    .option("--port <port>", "the port, 0 for a free one (default: as at the last start of the hub)", portArgument)
    .action(async (options: { folder?: string; port?: number }) => serve(hubFolder(options.folder), options.port, err));
}

async function serve(folder: string, wantedPort: number | undefined, err: Screen): Promise<void> {
  // Loaded only here, because these modules slow down the start of every other command.
  const { readServerCertificate } = await import("../../local-hub/tls/credentials.ts");
  const { startImageServer } = await import("../../images/server.ts");
  const { systemClock } = await import("../../local-hub/lib/clock.ts");
  const { networkWithoutFaults } = await import("../../local-hub/network/faulty-socket.ts");
  const certificate = await readServerCertificate(folder);
  const port = wantedPort ?? Number(new URL((await requireHubInfo(folder)).imagesUrl).port);
  if (certificate === undefined) throw neverStarted(folder);
  const lock = await lockImageServer(folder);
  // Ctrl-C in the hub's terminal reaches its image server, too. The hub then stops it with SIGTERM.
  const stopped = stopSignal(process.connected ? ["SIGTERM"] : ["SIGINT", "SIGTERM"]);
  if (process.connected) process.on("SIGINT", () => undefined);
  const log = (entry: Parameters<typeof formatLogEntry>[0]): void => err.write(`${formatLogEntry(entry)}\n`);
  const network = networkWithoutFaults(systemClock, log);
  try {
    const server = await startImageServer({ folder, port, ...certificate, network, log });
    const hubGone = notifyHub(server.port);
    if (hubGone === undefined) err.write(`Images are served at https://localhost:${server.port}/. Stop with Ctrl-C.\n`);
    await Promise.race(hubGone === undefined ? [stopped] : [stopped, hubGone]);
    await server.close();
  } finally {
    await lock.release();
    disconnectFromHub();
  }
}

function portArgument(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError("Expected a port number from 0 to 65535.");
}
