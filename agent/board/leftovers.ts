import { join } from "node:path";
import { lastGoodName } from "../last-good.ts";
import { nodeDisk, type Disk } from "./disk.ts";
import { makeFolder } from "./files.ts";

/** What a crash in the middle of a save leaves behind. By name: nothing else in the folder is touched. */
const names = ["state.json", "trials", lastGoodName, "history.json", "equipment.json"].map((name) => `${name}.new`);

/** Removes what crashes have left in the state folder. */
export async function collectLeftovers(stateFolder: string, disk: Disk = nodeDisk): Promise<void> {
  await makeFolder(stateFolder, disk);
  for (const name of names) await disk.remove(join(stateFolder, name));
}
