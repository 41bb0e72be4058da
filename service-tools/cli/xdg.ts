import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** Where Boardkeeper keeps what belongs to this user: `$BOARDKEEPER_HOME`, else as the XDG base directories say. */
function boardkeeperHome(env: NodeJS.ProcessEnv = process.env): string {
  const own = env["BOARDKEEPER_HOME"];
  if (own !== undefined && own !== "") return resolve(own);
  const state = env["XDG_STATE_HOME"];
  // "All paths set in these environment variables must be absolute. … consider the path invalid and ignore it."
  const base = state?.startsWith("/") === true ? state : join(homedir(), ".local", "state");
  return join(base, "boardkeeper");
}

/** The folder of the local hub, unless a command is given another. */
export function defaultHubFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(boardkeeperHome(env), "hub");
}
