import { setTimeout as wait } from "node:timers/promises";
import { Command } from "commander";
import { TimedOut } from "../../cli/errors.ts";
import { runningHubPid } from "../../local-hub/storage/folder-lock.ts";
import type { Output } from "../../cli/output.ts";
import { folderOption, hubFolder } from "./folder.ts";

const PATIENCE_MS = 15_000;
const LOOK_EVERY_MS = 50;

export function hubStopCommand(output: Output): Command {
  return new Command("stop")
    .description("stop the local hub; it comes back as it was")
    .addOption(folderOption())
    .action(async (options: { folder?: string }) => {
      const folder = hubFolder(options.folder);
      const pid = await runningHubPid(folder);
      if (pid === undefined) {
        output.note(`No local hub is running in ${folder}.`);
        return;
      }
      process.kill(pid, "SIGTERM");
      await gone(folder, pid);
      output.note(`The hub (process ${pid}) has stopped.`);
    });
}

/** The hub gives its lock back last of all. */
async function gone(folder: string, pid: number): Promise<void> {
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += LOOK_EVERY_MS) {
    if ((await runningHubPid(folder)) !== pid) return;
    await wait(LOOK_EVERY_MS);
  }
  throw new TimedOut(
    `The hub (process ${pid}) was asked to stop ${PATIENCE_MS / 1000} s ago and still runs. ` +
      `End it with: kill -9 ${pid}. It will come back as it was.`,
  );
}
