import type { JsonObject } from "../json.ts";
import type { Snapshot } from "../snapshot.ts";
import { formatBoardkeeper } from "./boardkeeper.ts";
import { formatFirmware } from "./firmware.ts";
import { formatIothubDm } from "./iothub-dm.ts";
import { formatRoot } from "./root.ts";

/**
 * The full reported properties, in all four twin formats. Every key that the agent owns is present, null where it does not
 * apply: so the difference to the twin removes what an earlier job left behind.
 */
export function reportedProperties(snapshot: Snapshot): JsonObject {
  return {
    ...formatRoot(snapshot),
    iothubDM: formatIothubDm(snapshot),
    firmware: formatFirmware(snapshot),
    boardkeeper: formatBoardkeeper(snapshot),
  };
}
