import type { BoardView, UpdateView } from "../boards/board-view.ts";
import { formatDelay, formatLease, formatWait } from "../boards/format-progress.ts";
import { formatSize } from "../cli/units.ts";
import type { Target } from "../hub-client/hub-client.ts";
import {
  enterPhases,
  silentReadsUntilPresumed,
  type PhaseEntry,
  type Progress,
  type Step,
  type Tracker,
} from "./tracker.ts";
import {
  endOf,
  formerEnd,
  isResting,
  isSameEnd,
  refusalOf,
  type RequestedUpdate,
  type UpdateEnd,
} from "./update-end.ts";

interface Memory {
  /** The operation in the twin before the request: not ours, but not a newer one either. */
  readonly earlierId: string | null;
  /** The board has reported our operation: any other in its place is a newer one. */
  readonly isReported: boolean;
  /** Our operation as it was before the request; null where there was none, or the board has begun it since. */
  readonly former: UpdateView | null;
  readonly phases: readonly PhaseEntry[];
  /** Reads of the twin, one after the other, in which a connected board seems to have nothing to do for the request. */
  readonly silentReads: number;
}

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
  const isOurs = operationId === requested.operationId;
  const { repeated, already } = requested;
  const former = isOurs && !repeated && !already ? before.update : null;
  // If it was already running, its earlier phases are in the past and are not shown.
  const isShown = isOurs && !(former !== null && isResting(former));
  const phases = isShown ? [{ phase, note: noteOf(target, phase, before) }] : [];
  return {
    initial: { earlierId: operationId, isReported: repeated, former, phases, silentReads: 0 },
    next: (memory, board) =>
      board.update.operationId === requested.operationId
        ? nextOfOurs(target, requested, memory, board)
        : nextOfAnother(target, requested, memory, board),
  };
}

function nextOfOurs(
  target: Target,
  requested: RequestedUpdate,
  before: Memory,
  board: BoardView,
): Step<Memory, UpdateEnd> {
  const { update } = board;
  const { former } = before;
  if (former !== null && isSameEnd(former, update)) {
    const memory: Memory = { ...before, silentReads: board.connected ? before.silentReads + 1 : 0 };
    const refusal = refusalOf(requested, board);
    const progress = progressOf(target, memory, board);
    if (refusal !== undefined || memory.silentReads < silentReadsUntilPresumed)
      return { memory, progress, end: refusal };
    return { memory, progress, presumedEnd: formerEnd(requested, update) };
  }
  const entered = phasesEntered(before.phases.at(-1)?.phase, update).map((phase) => ({
    phase,
    note: noteOf(target, phase, board),
  }));
  // A request for an operation that runs may be refused; it runs on as it was.
  const stillFormer = former !== null && !isResting(former) ? former : null;
  const refusal = stillFormer === null ? undefined : refusalOf(requested, board);
  const phases = enterPhases(before.phases, entered);
  const memory: Memory = { ...before, isReported: true, former: stillFormer, phases };
  return { memory, progress: progressOf(target, memory, board), end: refusal ?? endOf(requested, update) };
}

/** The twin reports another operation: still an earlier one, or already a newer one. */
function nextOfAnother(
  target: Target,
  requested: RequestedUpdate,
  before: Memory,
  board: BoardView,
): Step<Memory, UpdateEnd> {
  const silentReads = runsDeclared(requested, board) ? before.silentReads + 1 : 0;
  const memory: Memory = { ...before, silentReads };
  const progress = progressOf(target, memory, board);
  const end = endWhenReplaced(requested, memory, board);
  if (end !== undefined || silentReads < silentReadsUntilPresumed) return { memory, progress, end };
  const { version } = requested;
  const isProvenVersion = board.update.lastProven?.version === version;
  const presumedEnd: UpdateEnd = isProvenVersion
    ? { kind: "completed", version, already: true }
    : { kind: "installed", version };
  return { memory, progress, presumedEnd };
}

function endWhenReplaced(
  requested: RequestedUpdate,
  { isReported, earlierId }: Memory,
  board: BoardView,
): UpdateEnd | undefined {
  const { update, desired, firmwareVersion } = board;
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
  // Still declared but not started: the board reads it when it is online and no other update runs.
  const isDeclared = desired.firmwareOperationId === requested.operationId;
  return isDeclared ? refusalOf(requested, board) : { kind: "superseded", by: desired.firmwareOperationId };
}

/** The board is connected, does nothing, and runs the version that it is to be updated to. */
function runsDeclared(
  { desiredVersion, version }: RequestedUpdate,
  { connected, update, firmwareVersion }: BoardView,
): boolean {
  return desiredVersion !== null && connected && isResting(update) && firmwareVersion === version;
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
