import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { OperationFailed } from "../../cli/errors.ts";
import type { Program } from "../../images/process.ts";
import { HubAlreadyRunning, runningHubPid } from "../../local-hub/storage/folder-lock.ts";
import { makePrivateFolder } from "../../local-hub/storage/atomic-file.ts";
import type { Output } from "../../cli/output.ts";
import { folderArgument } from "./folder.ts";

const LOG_FILE = "hub.log";

/** Starts `hub start` as a process of its own, with its log in the hub's folder, and returns when it is up. */
export async function startInBackground(
  folder: string,
  standardPorts: boolean,
  output: Output,
  program: Program,
): Promise<void> {
  await makePrivateFolder(folder);
  // Asked here too, because what follows empties the log.
  const running = await runningHubPid(folder);
  if (running !== undefined) throw new HubAlreadyRunning(folder, running);
  const commandLine = [...program.arguments, "hub", "start", "--folder", folder];
  if (standardPorts) commandLine.push("--standard-ports");
  const logPath = join(folder, LOG_FILE);
  const log = await open(logPath, "w", 0o600);
  const child = spawn(program.executable, commandLine, { detached: true, stdio: ["ignore", "ignore", log.fd, "ipc"] });
  await log.close();
  const summary = await firstWord(child);
  if (summary === undefined) {
    const lastWords = (await readFile(logPath, "utf8")).trim().replace(/^boardkeeper: /gm, "");
    throw new OperationFailed(lastWords || `The hub did not start, and left no reason in ${logPath}.`);
  }
  if (child.connected) child.disconnect();
  child.unref();
  output.result(summary);
  output.note(
    `The hub is running in the background (process ${child.pid}, log ${logPath}). ` +
      `Stop it with: boardkeeper hub stop${folderArgument(folder)}`,
  );
}

/** In the hub's process: what the one that started it in the background waits for. */
export function tellStarter(summary: string): void {
  process.send?.(summary, undefined, undefined, (error) => {
    // It was told, or it has gone; either way this hub goes on alone.
    if (error === null && process.connected) process.disconnect();
  });
}

/** What the hub says when it is up, or undefined when it ended instead. */
async function firstWord(child: ChildProcess): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    child.once("message", (message) => resolve(typeof message === "string" ? message : JSON.stringify(message)));
    child.once("exit", () => resolve(undefined));
    child.once("error", reject);
  });
}
