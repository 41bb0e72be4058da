import type { Failure } from "../../agent/contract/failure.ts";
import type { BoardView, UpdateView } from "../boards/board-view.ts";
import { formatDelay, formatLease, formatWait } from "../boards/format-progress.ts";
import { formatSize } from "../cli/units.ts";
import type { Target } from "../hub-client/hub-client.ts";
import { enterPhases, type PhaseEntry, type Progress, type Step, type Tracker } from "./tracker.ts";

/** How an update ended. */
export type UpdateEnd =
  | { readonly kind: "completed"; readonly version: string; readonly already: boolean }
  /** The board runs this version, but not by an update of its agent: it was flashed with it, say. */
  | { readonly kind: "installed"; readonly version: string }
  | { readonly kind: "rehearsed" }
  /** The board reports `completed`, but not that any version was proven. */
  | { readonly kind: "unproven"; readonly rehearsal: boolean }
  | { readonly kind: "failed" | "rolledBack"; readonly error: Failure | null }
  /** `error` says why, where nobody has cancelled it: its time to begin has passed. */
  | { readonly kind: "cancelled"; readonly error: Failure | null }
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

interface Memory {
  /** The operation in the twin before the request: not ours, but not a newer one either. */
  readonly earlierId: string | null;
  /** The board has reported our operation: any other in its place is a newer one. */
  readonly isReported: boolean;
  readonly phases: readonly PhaseEntry[];
  /** Reads of the twin, one after the other, in which a connected board runs the declared version and has not begun. */
  readonly idleReads: number;
}

/** A board that has nothing to do for a declared update says nothing of it; a refusal comes within seconds. */
const idleReadsUntilInstalled = 10;

/**
 * Tracks an update from the request to the proof. It is `completed` only when the twin says that this very operation is
 * completed and names its version as the last proven one.
 * @param before the board before the request
 */
export function updateTracker(
  target: Target,
  requested: RequestedUpdate,
  before: BoardView,
): Tracker<Memory, UpdateEnd> {
  const { phase, operationId } = before.update;
  // If it was already running, its earlier phases are in the past and are not shown.
  const phases = operationId === requested.operationId ? [{ phase, note: noteOf(target, phase, before) }] : [];
  return {
    initial: { earlierId: operationId, isReported: requested.repeated, phases, idleReads: 0 },
    next: (known, board) => {
      if (board.update.operationId === requested.operationId) return nextOfOurs(target, requested, known, board);
      const memory = { ...known, idleReads: runsDeclared(requested, board) ? known.idleReads + 1 : 0 };
      return { memory, progress: progressOf(target, memory, board), end: endWhenReplaced(requested, memory, board) };
    },
  };
}

function nextOfOurs(
  target: Target,
  requested: RequestedUpdate,
  before: Memory,
  board: BoardView,
): Step<Memory, UpdateEnd> {
  const { update } = board;
  const entered = phasesEntered(before.phases.at(-1)?.phase, update).map((phase) => ({
    phase,
    note: noteOf(target, phase, board),
  }));
  const memory: Memory = { ...before, isReported: true, phases: enterPhases(before.phases, entered) };
  return { memory, progress: progressOf(target, memory, board), end: endOf(requested, update) };
}

function endOf({ version, rehearsal, already }: RequestedUpdate, update: UpdateView): UpdateEnd | undefined {
  // Releases before `operation-id-in-use` answered such a request as a repeated one.
  const isComparable = version !== "" && !rehearsal && !update.rehearsal;
  if (isComparable && update.version !== null && update.version !== version)
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

/** The board names this very operation and its version as the last proven one. */
function isProven({ operationId, version, lastProven }: UpdateView): boolean {
  return lastProven !== null && lastProven.operationId === operationId && lastProven.version === version;
}

/** The twin reports another operation: still an earlier one, or already a newer one. */
function endWhenReplaced(
  requested: RequestedUpdate,
  { isReported, earlierId, idleReads }: Memory,
  { update, desired, firmwareVersion }: BoardView,
): UpdateEnd | undefined {
  if (isReported) return { kind: "superseded", by: update.operationId };
  // The board answered "already done", and another operation ran since: its last proven version confirms the answer.
  if (requested.already && update.lastProven?.version === requested.version) {
    return { kind: "completed", version: requested.version, already: true };
  }
  if (requested.already && firmwareVersion === requested.version)
    return { kind: "installed", version: requested.version };
  if (requested.desiredVersion === null) {
    const isNewer = update.operationId !== null && update.operationId !== earlierId;
    return isNewer ? { kind: "superseded", by: update.operationId } : undefined;
  }
  const { refused } = update;
  if (refused !== null && refused.desiredVersion >= requested.desiredVersion) {
    return { kind: "refused", code: refused.code, message: refused.message };
  }
  // Still declared but not started: the board reads it when it is online and no other update runs.
  if (desired.firmwareOperationId === requested.operationId) {
    if (idleReads < idleReadsUntilInstalled) return undefined;
    const { version } = requested;
    return update.lastProven?.version === version
      ? { kind: "completed", version, already: true }
      : { kind: "installed", version };
  }
  return { kind: "superseded", by: desired.firmwareOperationId };
}

/** The board is connected, does nothing, and runs the version that it is to be updated to. */
function runsDeclared(
  { desiredVersion, version }: RequestedUpdate,
  { connected, update, firmwareVersion }: BoardView,
): boolean {
  const isResting = ["idle", "completed", "failed", "rolledBack", "cancelled"].includes(update.phase);
  return desiredVersion !== null && connected && isResting && firmwareVersion === version;
}

/** The phases of a successful update, in order. */
const phaseOrder: readonly string[] = [
  "accepted",
  "downloading",
  "verifying",
  "staged",
  "applying",
  "rebooting",
  "proving",
  "completed",
];

/**
 * The phases that an update has entered since the last read of the twin, the present one last. A read each second misses
 * short phases; they are listed all the same, because no update skips them. Only `rebooting` must have been seen: not
 * every board reboots for an update.
 * @param last the phase at the last read; undefined at the first
 */
export function phasesEntered(last: string | undefined, { phase, error }: UpdateView): readonly string[] {
  if (last !== undefined && !phaseOrder.includes(last)) return [phase];
  const reached = phaseOrder.includes(phase) ? phase : error?.during;
  const from = last === undefined ? 0 : phaseOrder.indexOf(last) + 1;
  const to = reached === undefined ? 0 : phaseOrder.indexOf(reached) + 1;
  const passed = phaseOrder.slice(from, to).filter((one) => one !== phase && (one !== "rebooting" || one === reached));
  return [...passed, phase];
}

function noteOf(target: Target, phase: string, { update }: BoardView): string {
  if (phase === "downloading" && update.totalBytes !== null) return formatSize(update.totalBytes);
  if (phase !== update.phase) return "";
  if (phase === "staged") return `${formatWait(target, update) ?? ""}${formatLease(update)}`.replace(/^, /, "");
  if (phase === "reverting" && update.error !== null) return update.error.message;
  return update.attempt !== null && update.attempt > 1 ? `attempt ${update.attempt}` : "";
}

function progressOf(target: Target, { phases }: Memory, { update, connected }: BoardView): Progress {
  const { receivedBytes, totalBytes, delay } = update;
  const isDownloading = phases.at(-1)?.phase === "downloading";
  const isOwn = phases.at(-1)?.phase === update.phase; // Before it begins, the twin may report another update.
  return {
    phases,
    download: isDownloading ? { receivedBytes: receivedBytes ?? 0, totalBytes } : null,
    delay: delay === null || !isOwn ? null : (formatWait(target, update) ?? formatDelay(delay)),
    online: connected,
  };
}
