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
  // A hub of an earlier release writes none.
  controlPort: v.exactOptional(v.number()),
  imagesUrl: v.string(),
});

/** What an operator's program needs to reach a local hub; the hub writes it into its folder. */
export type HubInfo = v.InferOutput<typeof hubInfoSchema>;

/** The context of the hub in this folder, or undefined when none was ever started there. */
export async function readHubInfo(folder: string): Promise<HubInfo | undefined> {
  return readStateFile(join(folder, "context.json"), hubInfoSchema);
}

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
