import { join, resolve } from "node:path";
import * as v from "valibot";
import { readStateFile } from "../local-hub/storage/read-state.ts";
import { homedir } from "node:os";

const hubInfoSchema = v.object({
  version: v.literal(1),
  connectionString: v.string(),
  caFile: v.string(),
  mqttPort: v.number(),
  httpsPort: v.number(),
  // Hubs of earlier releases do not write it.
  controlPort: v.exactOptional(v.number()),
  imagesUrl: v.string(),
});

/** How a service application reaches a local hub: the file context.json that the hub writes into its folder. */
export type HubInfo = v.InferOutput<typeof hubInfoSchema>;

/** Undefined when no hub was ever started in this folder. */
export async function readHubInfo(folder: string): Promise<HubInfo | undefined> {
  return readStateFile(join(folder, "context.json"), hubInfoSchema);
}

/** This user's state directory: `$BOARDKEEPER_HOME`, else below the state directory of the XDG Base Directory Specification. */
function boardkeeperHome(env: NodeJS.ProcessEnv = process.env): string {
  const own = env["BOARDKEEPER_HOME"];
  if (own !== undefined && own !== "") return resolve(own);
  const state = env["XDG_STATE_HOME"];
  // "All paths set in these environment variables must be absolute. … consider the path invalid and ignore it."
  const base = state?.startsWith("/") === true ? state : join(homedir(), ".local", "state");
  return join(base, "boardkeeper");
}

/**
 * Where this user's keys of repositories are: `$BOARDKEEPER_HOME/keys`, else below the configuration directory of the XDG Base Directory
 * Specification, which people keep copies of.
 */
export function defaultKeyFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env["BOARDKEEPER_HOME"]) return join(boardkeeperHome(env), "keys");
  const config = env["XDG_CONFIG_HOME"];
  return join(config?.startsWith("/") === true ? config : join(homedir(), ".config"), "boardkeeper", "keys");
}

/** The folder of the local hub unless `--folder` names another. */
export function defaultHubFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(boardkeeperHome(env), "hub");
}
