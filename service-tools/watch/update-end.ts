import { isVersionLabel } from "../../agent/contract/methods.ts";
import type { Failure } from "../../agent/contract/failure.ts";
import type { BoardView, UpdateView } from "../boards/board-view.ts";

/* How an update ends, as one view of its board says it. Pure: update-tracker.ts goes from view to view. */

/** How an update ended. */
export type UpdateEnd =
  | { readonly kind: "completed"; readonly version: string; readonly already: boolean }
  /** The board runs this version, but not by an update of its agent: it was flashed with it, say. */
  | { readonly kind: "installed"; readonly version: string }
  | { readonly kind: "rehearsed" }
  /** The board reports `completed`, but not that any version was proven. */
  | { readonly kind: "unproven"; readonly rehearsal: boolean }
  | { readonly kind: "failed" | "rolledBack"; readonly error: Failure | null; readonly isFormer?: true }
  /**
   * `error` says why, where nobody has cancelled it: its time to begin has passed. `isFormer`, here and above: it had ended so
   * before it was declared again, and the board does not start it again.
   */
  | { readonly kind: "cancelled"; readonly error: Failure | null; readonly isFormer?: true }
  | { readonly kind: "superseded"; readonly by: string | null }
  /** The board knows this operation id for another version: nothing of this request happens. */
  | { readonly kind: "otherContent"; readonly version: string }
  | { readonly kind: "refused"; readonly code: string; readonly message: string };

export interface RequestedUpdate {
  readonly operationId: string;
  /** The version that runs once the update is proven; empty where it is not known. */
  readonly version: string;
  /** Requested with `--rehearse`: only then does a rehearsal count as success. */
  readonly rehearsal: boolean;
  /** The board answered that this version is being installed, or is already proven. */
  readonly already: boolean;
  /** The board had answered this very request before. */
  readonly repeated: boolean;
  /** The version of the desired properties that declare it; null when a method call requested it. */
  readonly desiredVersion: number | null;
}

/** Whether it is the end that was known before the request. A twin that is nearly full leaves out when it was. */
export function isSameEnd(former: UpdateView, update: UpdateView): boolean {
  if (!isResting(former) || former.phase !== update.phase) return false;
  return former.endedAt === null || update.endedAt === null || former.endedAt === update.endedAt;
}

/** The end of an operation that the board does not do again. What a method call has started anew ends anew. */
export function formerEnd(requested: RequestedUpdate, update: UpdateView): UpdateEnd | undefined {
  const end = endOf(requested, update);
  if (end === undefined || requested.desiredVersion === null) return end;
  switch (end.kind) {
    case "completed":
      return { ...end, already: true };
    case "failed":
    case "rolledBack":
    case "cancelled":
      return { ...end, isFormer: true };
    default:
      return end;
  }
}

/** What the board answers to our document. */
export function refusalOf(
  { desiredVersion, operationId }: RequestedUpdate,
  { update: { refused }, desired }: BoardView,
): UpdateEnd | undefined {
  if (desiredVersion === null || refused === null || refused.desiredVersion < desiredVersion) return undefined;
  if (desired.firmwareOperationId !== operationId) return undefined;
  return { kind: "refused", code: refused.code, message: refused.message };
}

/** How it has ended; undefined while it has not. */
export function endOf({ version, rehearsal, already }: RequestedUpdate, update: UpdateView): UpdateEnd | undefined {
  // Releases before `operation-id-in-use` answered such a request as a repeated one.
  const isComparable = version !== "" && !rehearsal && !update.rehearsal;
  if (
    isComparable &&
    update.version !== null &&
    update.version !== version &&
    !isSignedVersion(update.version, version)
  )
    return { kind: "otherContent", version: update.version };
  switch (update.phase) {
    case "completed":
      if (update.rehearsal) return rehearsal ? { kind: "rehearsed" } : { kind: "unproven", rehearsal: true };
      if (update.version === null || !isProven(update)) return { kind: "unproven", rehearsal: false };
      return { kind: "completed", version: update.version, already };
    case "failed":
    case "rolledBack":
    case "cancelled":
      return { kind: update.phase, error: update.error };
    case "idle":
    case "accepted":
    case "downloading":
    case "verifying":
    case "staged":
    case "applying":
    case "rebooting":
    case "proving":
    case "reverting":
      return undefined;
  }
}

/** The request named no version, and the board found the one that the publisher has signed. */
function isSignedVersion(reported: string, requested: string): boolean {
  return isVersionLabel(requested) && !isVersionLabel(reported);
}

/** The board names this very operation and its version as the last proven one. */
function isProven({ operationId, version, lastProven }: UpdateView): boolean {
  return lastProven !== null && lastProven.operationId === operationId && lastProven.version === version;
}

/** Whether the board does nothing for it. */
export function isResting({ phase }: UpdateView): boolean {
  return ["idle", "completed", "failed", "rolledBack", "cancelled"].includes(phase);
}
