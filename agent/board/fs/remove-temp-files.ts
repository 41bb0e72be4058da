import { join } from "node:path";
import { replacedFileNames } from "../../config/paths.ts";
import { nodeDisk, type Disk } from "./disk.ts";
import { makeFolder, tempPath } from "./files.ts";

/** Removes what crashes in the middle of a save have left in the state folder. By name: nothing else in it is touched. */
export async function removeTempFiles(stateFolder: string, disk: Disk = nodeDisk): Promise<void> {
  await makeFolder(stateFolder, disk);
  for (const name of replacedFileNames) await disk.remove(tempPath(join(stateFolder, name)));
}
