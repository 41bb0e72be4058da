import { basename, dirname, resolve } from "node:path";
import { Option } from "commander";
import { readHubInfo, type HubInfo, defaultHubFolder } from "../../hub-client/hub-info.ts";
import { HubUnreachable, NotLoggedIn, type CommandError } from "../../cli/errors.ts";
import { imageServerPid } from "../../images/server-process.ts";
import { sendAdminRequest, HubNotResponding, responseLines } from "../../local-hub/admin-client.ts";
import type { AdminRequest } from "../../local-hub/admin-client.ts";
import { runningHubPid } from "../../local-hub/storage/folder-lock.ts";
import { describeError } from "../../local-hub/lib/log.ts";

/** `--folder DIR` of the commands for the local hub. */
export function folderOption(): Option {
  return new Option("--folder <dir>", "the hub's folder (default: $BOARDKEEPER_HOME/hub)");
}

export function hubFolder(option: string | undefined): string {
  return option === undefined ? defaultHubFolder() : resolve(option);
}

/** @throws NotLoggedIn when no hub was ever started in the folder */
export async function requireHubInfo(folder: string): Promise<HubInfo> {
  const hubInfo = await readHubInfo(folder);
  if (hubInfo !== undefined) return hubInfo;
  throw neverStarted(folder);
}

export function neverStarted(folder: string): CommandError {
  return new NotLoggedIn(`No local hub was ever started in ${folder}.`, {
    advice: `Start one with: boardkeeper hub start${folderArgument(folder)}`,
  });
}

/** How to start the image server; undefined when it is running. */
export async function imageServerAdvice(folder: string): Promise<string | undefined> {
  if ((await imageServerPid(folder)) !== undefined) return undefined;
  return `Start it with: boardkeeper image serve${folderArgument(folder)}, or start the hub if it is not running.`;
}

/** The option to add to a command line so that it uses the same hub. */
export function folderArgument(folder: string): string {
  return folder === defaultHubFolder() ? "" : ` --folder ${shellQuote(folder)}`;
}

/**
 * What to type before a command for boards, which has no --folder, so that it finds the hub of this folder: nothing for the
 * default folder. Undefined where that is impossible, because such a command looks only in a folder named `hub`.
 */
export function homePrefix(folder: string): string | undefined {
  if (folder === defaultHubFolder()) return "";
  return basename(folder) === "hub" ? `BOARDKEEPER_HOME=${shellQuote(dirname(folder))} ` : undefined;
}

/** Requests an admin page of the hub, and yields its lines as they arrive. */
export async function* adminLines(
  folder: string,
  hubInfo: HubInfo,
  request: string | AdminRequest,
): AsyncGenerator<string> {
  try {
    yield* responseLines(await sendAdminRequest(hubInfo, typeof request === "string" ? { path: request } : request));
  } catch (error) {
    if (!(error instanceof HubNotResponding)) throw error;
    const running = (await runningHubPid(folder)) !== undefined;
    const remedy = running
      ? "Check it with: boardkeeper hub status"
      : "It is not running. Start it with: boardkeeper hub start";
    throw new HubUnreachable(`${describeError(error)}.`, {
      cause: error,
      mayHaveArrived: running,
      advice: `${remedy}${folderArgument(folder)}`,
    });
  }
}

/** Requests an admin page of the hub that is one JSON document. */
export async function adminJson(folder: string, request: string | AdminRequest): Promise<unknown> {
  const hubInfo = await requireHubInfo(folder);
  const lines: string[] = [];
  for await (const line of adminLines(folder, hubInfo, request)) lines.push(line);
  return JSON.parse(lines.join("\n"));
}

/** A path that a shell reads as one word. */
export function shellQuote(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}
