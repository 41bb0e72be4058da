import { createHash } from "node:crypto";
import type { Target } from "../registry/ids.ts";

/** Linux allows 255 bytes, of which the temporary copy of a file needs 23 for itself. */
const NAME_LIMIT = 230;

/**
 * The name, without folder and ending, of a file about a device or a module: its ids as in a URL, and `~` between them.
 * `.` and `..` are good device ids and bad file names. The agent calls the files of its boards the same. An id of 128 characters that all need escaping has no room in a file name; its digest stands in for it.
 */
export function fileNameOf({ deviceId, moduleId }: Target): string {
  const name = [deviceId, moduleId]
    .filter((id) => id !== undefined)
    .map((id) => encodeURIComponent(id))
    .join("~")
    .replace(/^\.{1,2}$/, (dots) => "%2E".repeat(dots.length));
  if (name.length <= NAME_LIMIT) return name;
  return `sha256-${createHash("sha256").update(name).digest("hex")}`;
}
