import { join } from "node:path";
import * as v from "valibot";
import { readStateFile } from "../local-hub/storage/read-state.ts";

const contextSchema = v.object({
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
export type HubContext = v.InferOutput<typeof contextSchema>;

/** The context of the hub in this folder, or undefined when none was ever started there. */
export async function readHubContext(folder: string): Promise<HubContext | undefined> {
  return readStateFile(join(folder, "context.json"), contextSchema);
}
