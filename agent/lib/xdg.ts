import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** Where people's own Boardkeeper files lie: the local hub's, and those of simulated boards. The tools look there too. */
export function boardkeeperHome(env: Readonly<Record<string, string | undefined>>): string {
  const own = env["BOARDKEEPER_HOME"];
  if (own !== undefined && own !== "") return resolve(own);
  const state = env["XDG_STATE_HOME"];
  // "All paths set in these environment variables must be absolute. … consider the path invalid and ignore it."
  const base = state?.startsWith("/") === true ? state : join(homedir(), ".local", "state");
  return join(base, "boardkeeper");
}
