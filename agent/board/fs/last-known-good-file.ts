import { join } from "node:path";
import { isAbsent } from "../../lib/errors.ts";
import { stateFileNames } from "../../config/paths.ts";
import { nodeDisk, type Disk } from "./disk.ts";
import { replaceFile } from "./files.ts";

/**
 * Keeps a configuration as the last good one, for its owner alone to read.
 * @returns whether it was written: false where it lies there already
 */
export async function saveLastKnownGood(folder: string, text: string, disk: Disk = nodeDisk): Promise<boolean> {
  const path = join(folder, stateFileNames.lastKnownGoodConfig);
  try {
    if ((await disk.read(path)) === text) return false;
  } catch (cause) {
    if (!isAbsent(cause)) await disk.remove(path); // What cannot be read is of no use to the next start either.
  }
  await replaceFile(path, text, disk);
  return true;
}
