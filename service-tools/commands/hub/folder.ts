import { basename, dirname, resolve } from "node:path";
import { Option } from "commander";
import { readHubContext } from "../../cli/hub-info.ts";
import type { HubContext } from "../../cli/hub-info.ts";
import { HubUnreachable, NotLoggedIn } from "../../cli/errors.ts";
import type { CommandError } from "../../cli/errors.ts";
import { defaultHubFolder } from "../../cli/xdg.ts";
import { imageServerPid } from "../../images/process.ts";
import { sendAdminRequest, HubNotResponding, responseLines } from "../../local-hub/admin-client.ts";
import type { AdminRequest } from "../../local-hub/admin-client.ts";
import { runningHubPid } from "../../local-hub/storage/folder-lock.ts";
import { describeError } from "../../local-hub/lib/log.ts";

/** `--folder DIR`, which most commands about the local hub take. */
export function folderOption(): Option {
  return new Option("--folder <dir>", "the hub's folder (default: $BOARDKEEPER_HOME/hub)");
}

export function hubFolder(option: string | undefined): string {
  return option === undefined ? defaultHubFolder() : resolve(option);
}

/** The context of a hub that was started at least once. */
export async function requireHubContext(folder: string): Promise<HubContext> {
  const context = await readHubContext(folder);
  if (context !== undefined) return context;
  throw neverStarted(folder);
}

export function neverStarted(folder: string): CommandError {
  return new NotLoggedIn(`No local hub was ever started in ${folder}.`, {
    advice: `Start one with: boardkeeper hub start${folderArgument(folder)}`,
  });
}

/** Undefined while images are served, else what to do: an image can be published, but nobody can download it. */
export async function imagesAdvice(folder: string): Promise<string | undefined> {
  if ((await imageServerPid(folder)) !== undefined) return undefined;
  return `Start the server with: boardkeeper image serve${folderArgument(folder)} (or the hub, if it is not running).`;
}

export const nobodyServesImages = "the image server is not running: nobody can download it.";

/** What to add to a command line so that it is about the same hub. */
export function folderArgument(folder: string): string {
  return folder === defaultHubFolder() ? "" : ` --folder ${quoted(folder)}`;
}

/**
 * What to put before a command about boards, which knows no --folder, so that it finds the hub of this folder: nothing for the
 * one that it finds by itself. Undefined where nothing can be: it looks in a folder named `hub` alone.
 */
export function homeBefore(folder: string): string | undefined {
  if (folder === defaultHubFolder()) return "";
  return basename(folder) === "hub" ? `BOARDKEEPER_HOME=${quoted(dirname(folder))} ` : undefined;
}

/** The lines of one of the hub's own pages, as they come. */
export async function* pageLines(
  folder: string,
  context: HubContext,
  page: string | AdminRequest,
): AsyncGenerator<string> {
  try {
    yield* responseLines(await sendAdminRequest(context, typeof page === "string" ? { path: page } : page));
  } catch (error) {
    if (!(error instanceof HubNotResponding)) throw error;
    const running = (await runningHubPid(folder)) !== undefined;
    const remedy = running
      ? "Look at it with: boardkeeper hub status"
      : "It is not running. Start it with: boardkeeper hub start";
    throw new HubUnreachable(`${describeError(error)}.`, {
      cause: error,
      mayHaveArrived: running,
      advice: `${remedy}${folderArgument(folder)}`,
    });
  }
}

/** One of the hub's own pages, as JSON. */
export async function pageJson(folder: string, page: string | AdminRequest): Promise<unknown> {
  const context = await requireHubContext(folder);
  const lines: string[] = [];
  for await (const line of pageLines(folder, context, page)) lines.push(line);
  return JSON.parse(lines.join("\n"));
}

/** A path as a shell takes it for one word. */
export function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}
