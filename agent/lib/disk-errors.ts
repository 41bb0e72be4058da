import type { BackoffLimits } from "./backoff.ts";
import { errorCode, errorMessage, NotRegularFile } from "./errors.ts";

/** The service may write in its own folders alone (ProtectSystem=strict in the unit): what to do about one that was moved. */
export const movedFolderAdvice =
  "a folder that was moved must be opened to the service, with ReadWritePaths= in a drop-in (docs/configuration.md)";

/** What EPERM means for a file or folder, also for root. */
export const immutable = "immutable or append-only (see lsattr, chattr -i), or belongs to somebody else";

/** How long to wait before a write that a disk has refused is tried again: ever longer, because failed writes wear cards too. */
export const diskRetry: BackoffLimits = { firstMs: 5_000, capMs: 60_000 };

/** Linux's codes for a file system that has no room left, for everybody or for the agent's user. */
const fullCodes = new Set(["ENOSPC", "EDQUOT"]);
const brokenCodes = new Set(["EIO", "ENODEV", "ENXIO", "EUCLEAN"]);

/** True when a file system has no room left. */
export function isDiskFull(cause: unknown): boolean {
  return fullCodes.has(errorCode(cause) ?? "");
}

/** Why a disk refused, and what to do: "the disk is full (ENOSPC). Free some space on it." */
export function describeDiskError(cause: unknown): string {
  const code = errorCode(cause) ?? "";
  if (isDiskFull(cause)) return `the disk is full (${code}). Free some space on it.`;
  if (code === "EROFS")
    return `the disk is read-only (EROFS). Check it for errors, then mount it writable; ${movedFolderAdvice}.`;
  if (brokenCodes.has(code)) return `the disk fails (${code}). Replace it.`;
  if (code === "EPERM") return `it is ${immutable} (EPERM). Correct that.`;
  if (code === "ENOENT" || code === "ESTALE")
    return `the folder was removed, or its disk was unmounted (${code}). Mount it again, or restart the agent to make the folder anew.`;
  if (["EISDIR", "ERR_FS_EISDIR", "ENOTDIR"].includes(code))
    return `something else lies where the file or its folder should be (${errorMessage(cause)}). Remove that.`;
  if (code === "EACCES")
    return `the agent may not write there (${code}). Correct the owner and the permissions of its folder.`;
  if (cause instanceof NotRegularFile) return `${cause.message}. Remove it.`;
  return `${errorMessage(cause)}. Check the disk.`;
}
