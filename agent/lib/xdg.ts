import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** The folder of a person's Boardkeeper files: the local hub's and those of simulated boards. The tools use the same folder. */
export function boardkeeperHome(env: Readonly<Record<string, string | undefined>>): string {
  const own = env["BOARDKEEPER_HOME"];
  if (own !== undefined && own !== "") return resolve(own);
  const state = env["XDG_STATE_HOME"];
  // "All paths set in these environment variables must be absolute. … consider the path invalid and ignore it."
  const base = state?.startsWith("/") === true ? state : join(homedir(), ".local", "state");
  return join(base, "boardkeeper");
}

/** Linux allows 255 bytes for a file name, of which endings and temporary copies need some. */
const longestName = 230;

/**
 * What a file or folder about a device or a module of it is called: its ids as in a URL, and `~` between them. `.` and `..`
 * are valid device ids and invalid file names. The local hub gives its files for boards the same names.
 */
export function deviceFileName(deviceId: string, moduleId: string | undefined): string {
  const name = [deviceId, ...(moduleId === undefined ? [] : [moduleId])]
    .map(encodeURIComponent)
    .join("~")
    .replace(/^\.{1,2}$/, (dots) => "%2E".repeat(dots.length));
  if (name.length <= longestName) return name;
  return `sha256-${createHash("sha256").update(name).digest("hex")}`;
}
