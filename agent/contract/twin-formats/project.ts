import type { JsonObject } from "../json.ts";
import type { Snapshot } from "../snapshot.ts";
import { projectBoardkeeper } from "./boardkeeper.ts";
import { projectFirmware } from "./firmware.ts";
import { projectIothubDm } from "./iothub-dm.ts";
import { projectRoot } from "./root.ts";

/**
 * The full reported properties, in all four vocabularies. Every key that the agent owns is present, null where it does
 * not apply now: the difference to what the twin holds then removes what an earlier job left behind.
 */
export function project(snapshot: Snapshot): JsonObject {
  return {
    ...projectRoot(snapshot),
    iothubDM: projectIothubDm(snapshot),
    firmware: projectFirmware(snapshot),
    boardkeeper: projectBoardkeeper(snapshot),
  };
}
