import { openMovedFolder } from "../config/paths.ts";

/** Linux's words for a file system that has no room left, for everybody or for the agent's user. */
const fullCodes = new Set(["ENOSPC", "EDQUOT"]);
const brokenCodes = new Set(["EIO", "ENODEV", "ENXIO", "EUCLEAN"]);

/** The system's code of a failed call, such as `ENOSPC`; empty where there is none. */
function diskCodeOf(cause: unknown): string {
  return cause instanceof Error && "code" in cause ? String(cause.code) : "";
}

/** True when a file system has no room left. */
export function isFull(cause: unknown): boolean {
  return fullCodes.has(diskCodeOf(cause));
}

/** Why a disk refused, and what to do: "the disk is full (ENOSPC). Free some space on it." */
export function whyRefused(cause: unknown): string {
  const code = diskCodeOf(cause);
  if (isFull(cause)) return `the disk is full (${code}). Free some space on it.`;
  if (code === "EROFS")
    return `the disk is read-only (EROFS). Check it for errors, then mount it writable; ${openMovedFolder}.`;
  if (brokenCodes.has(code)) return `the disk fails (${code}). Replace it.`;
  if (code === "EACCES" || code === "EPERM")
    return `the agent may not write there (${code}). Mend the owner and the rights of its folder.`;
  return `${cause instanceof Error ? cause.message : String(cause)}. Look at the disk.`;
}
