import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { OperationFailed } from "../../cli/errors.ts";
import { HubAlreadyRunning, runningHubPid } from "../../local-hub/storage/folder-lock.ts";
import { makePrivateFolder } from "../../local-hub/storage/atomic-file.ts";
import type { Context } from "../../context.ts";
import { folderArgument } from "./folder.ts";

const LOG_FILE = "hub.log";

/** Starts `hub start` as a process of its own that logs into the hub's folder. Returns once the hub is running. */
export async function startInBackground(
  folder: string,
  standardPorts: boolean,
  { out, err, programs: { cli } }: Context,
): Promise<void> {
  await makePrivateFolder(folder);
  // Checked here, too, because opening the log below truncates it.
  const running = await runningHubPid(folder);
  if (running !== undefined) throw new HubAlreadyRunning(folder, running);
  const commandLine = [...cli.arguments, "hub", "start", "--folder", folder];
  if (standardPorts) commandLine.push("--standard-ports");
  const logPath = join(folder, LOG_FILE);
  const log = await open(logPath, "w", 0o600);
  const child = spawn(cli.executable, commandLine, { detached: true, stdio: ["ignore", "ignore", log.fd, "ipc"] });
  await log.close();
  const summary = await readyMessage(child);
  if (summary === undefined) {
    const reason = (await readFile(logPath, "utf8")).trim().replace(/^boardkeeper: /gm, "");
    throw new OperationFailed(reason || `The hub did not start, and logged no reason in ${logPath}.`);
  }
  if (child.connected) child.disconnect();
  child.unref();
  out.write(`${summary}\n`);
  err.write(
    `The hub is running in the background (process ${child.pid}, log ${logPath}). ` +
      `Stop it with: boardkeeper hub stop${folderArgument(folder)}\n`,
  );
}

/** In the hub's process: sends the summary to the process that started it in the background. */
export function notifyStarter(summary: string): void {
  process.send?.(summary, undefined, undefined, (error) => {
    // The hub keeps running, whether or not the starter received it.
    if (error === null && process.connected) process.disconnect();
  });
}

/** The summary that the hub sends once it is running; undefined when it exits first. */
async function readyMessage(child: ChildProcess): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    child.once("message", (message) => resolve(typeof message === "string" ? message : JSON.stringify(message)));
    child.once("exit", () => resolve(undefined));
    child.once("error", reject);
  });
}
