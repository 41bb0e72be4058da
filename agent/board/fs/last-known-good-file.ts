import { join } from "node:path";
import { isAbsent } from "../../lib/errors.ts";
import { stateFileNames } from "../../config/paths.ts";
import { nodeDisk, type Disk } from "./disk.ts";
import { replaceFile } from "./files.ts";

/**
 * Saves a configuration as the last known good one, readable by the agent's user alone.
 * @returns whether it was written: false where the file has this content already
 */
export async function saveLastKnownGood(folder: string, text: string, disk: Disk = nodeDisk): Promise<boolean> {
  const path = join(folder, stateFileNames.lastKnownGoodConfig);
  try {
    if ((await disk.read(path)) === text) return false;
  } catch (cause) {
    if (!isAbsent(cause)) await disk.remove(path); // A file that cannot be read is useless for the next start too.
  }
  await replaceFile(path, text, disk);
  return true;
}
