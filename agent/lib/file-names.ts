import { createHash } from "node:crypto";

/** Linux allows 255 bytes, of which endings and temporary copies need some. */
const longestName = 230;

/**
 * What a file or folder about a device or a module of it is called: its ids as in a URL, and `~` between them. `.` and `..`
 * are good device ids and bad file names. Where the local hub writes a file for a board, it calls it the same.
 */
export function fileNameOf(deviceId: string, moduleId: string | undefined): string {
  const name = [deviceId, ...(moduleId === undefined ? [] : [moduleId])]
    .map(encodeURIComponent)
    .join("~")
    .replace(/^\.{1,2}$/, (dots) => "%2E".repeat(dots.length));
  if (name.length <= longestName) return name;
  return `sha256-${createHash("sha256").update(name).digest("hex")}`;
}
