import { setTimeout as wait } from "node:timers/promises";
import type { Command } from "commander";
import { TimedOut } from "../../cli/errors.ts";
import { runningHubPid } from "../../local-hub/storage/folder-lock.ts";
import type { Context } from "../../context.ts";
import { folderOption, hubFolder } from "./folder.ts";

const STOP_TIMEOUT_MS = 15_000;
const POLL_INTERVAL_MS = 50;

/** `boardkeeper hub stop` */
export function addHubStop(hub: Command, { err }: Context): void {
  hub
    .command("stop")
    .description("stop the local hub; its state is kept for the next start")
    .addOption(folderOption())
    .action(async (options: { folder?: string }) => {
      const folder = hubFolder(options.folder);
      const pid = await runningHubPid(folder);
      if (pid === undefined) {
        err.write(`No local hub is running in ${folder}.\n`);
        return;
      }
      process.kill(pid, "SIGTERM");
      await untilStopped(folder, pid);
      err.write(`The hub (process ${pid}) has stopped.\n`);
    });
}

/** The hub releases its lock last. */
async function untilStopped(folder: string, pid: number): Promise<void> {
  for (let waitedMs = 0; waitedMs < STOP_TIMEOUT_MS; waitedMs += POLL_INTERVAL_MS) {
    if ((await runningHubPid(folder)) !== pid) return;
    await wait(POLL_INTERVAL_MS);
  }
  throw new TimedOut(
    `The hub (process ${pid}) did not stop within ${STOP_TIMEOUT_MS / 1000} s. ` +
      `End it with: kill -9 ${pid}. Its state is kept for the next start.`,
  );
}
