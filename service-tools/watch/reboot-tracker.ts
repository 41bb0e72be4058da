import type { Failure } from "../../agent/contract/failure.ts";
import type { RebootCause } from "../../agent/contract/snapshot.ts";
import type { BoardView, RebootView } from "../boards/board-view.ts";
import {
  enterPhases,
  silentReadsUntilPresumed,
  type PhaseEntry,
  type Progress,
  type Step,
  type Tracker,
} from "./tracker.ts";

/** How a reboot ended. */
export type RebootEnd =
  | {
      readonly kind: "proven";
      readonly at: string | null;
      readonly cause: RebootCause | null;
      readonly bootIdBefore: string;
      readonly bootId: string;
    }
  | { readonly kind: "unproven"; readonly bootId: string | null }
  | { readonly kind: "failed"; readonly error: Failure | null }
  | { readonly kind: "cancelled" }
  | { readonly kind: "superseded"; readonly by: string | null };

interface Memory {
  /** The boot that the reboot is to end; null when the reboot was already under way at the first read. */
  readonly bootIdBefore: string | null;
  /** The operation in the twin before the request: not ours, but not a newer one either. */
  readonly earlierId: string | null;
  /** The board has reported our operation: any other in its place is a newer one. */
  readonly isReported: boolean;
  /** Our operation as it had ended before the board accepted it anew; null where it had not, or has begun since. */
  readonly former: RebootView | null;
  readonly phases: readonly PhaseEntry[];
  /** Reads of the twin, one after the other, in which a connected board still reports the former end. */
  readonly silentReads: number;
}

/**
 * Tracks a reboot from the request to the proof. It is `proven` only when the twin says that this very operation is proven
 * and the boot id has changed.
 * @param before the board before the request
 * @param repeated whether the board had answered this very request before
 */
export function rebootTracker(operationId: string, before: BoardView, repeated: boolean): Tracker<Memory, RebootEnd> {
  const { reboot, agent } = before;
  const isReported = reboot.operationId === operationId;
  // A repeated request may come after the reboot itself: then the board must report which boot it ended.
  const former = isReported && !repeated && hasEnded(reboot) ? reboot : null;
  const isUnderWay = isReported && former === null && !["scheduled", "waiting"].includes(reboot.phase);
  const initial: Memory = {
    bootIdBefore: isUnderWay ? null : (agent?.bootId ?? null),
    earlierId: reboot.operationId,
    isReported: repeated,
    former,
    // If it was already under way, its earlier phases are in the past and are not shown.
    phases: isReported && former === null ? [{ phase: reboot.phase, note: noteOf(reboot) }] : [],
    silentReads: 0,
  };
  return { initial, next: (memory, board) => nextStep(operationId, memory, board) };
}

function nextStep(operationId: string, before: Memory, board: BoardView): Step<Memory, RebootEnd> {
  const { reboot } = board;
  if (reboot.operationId !== operationId) {
    const isNewer = before.isReported || (reboot.operationId !== null && reboot.operationId !== before.earlierId);
    const end: RebootEnd | undefined = isNewer ? { kind: "superseded", by: reboot.operationId } : undefined;
    return { memory: before, progress: progressOf(before, board), end };
  }
  const bootIdBefore = before.bootIdBefore ?? reboot.fromBootId;
  if (before.former !== null && isSameEnd(before.former, reboot)) {
    const memory: Memory = { ...before, silentReads: board.connected ? before.silentReads + 1 : 0 };
    const presumedEnd = memory.silentReads < silentReadsUntilPresumed ? undefined : endOf(memory, board);
    return { memory, progress: progressOf(memory, board), presumedEnd };
  }
  const phases = enterPhases(before.phases, phasesEntered(before, board));
  const memory: Memory = { ...before, bootIdBefore, isReported: true, former: null, phases };
  return { memory, progress: progressOf(memory, board), end: endOf(memory, board) };
}

function hasEnded({ phase }: RebootView): boolean {
  return ["proven", "failed", "cancelled"].includes(phase);
}

function isSameEnd(former: RebootView, { phase, fromBootId, lastProven }: RebootView): boolean {
  return former.phase === phase && former.fromBootId === fromBootId && former.lastProven?.at === lastProven?.at;
}

function endOf({ bootIdBefore }: Memory, { reboot, agent }: BoardView): RebootEnd | undefined {
  const bootId = agent?.bootId ?? null;
  switch (reboot.phase) {
    case "idle":
    case "scheduled":
    case "waiting":
    case "rebooting":
      return undefined;
    case "proven":
      if (bootId === null || bootIdBefore === null || bootId === bootIdBefore) return { kind: "unproven", bootId };
      return { kind: "proven", at: reboot.lastProven?.at ?? null, cause: reboot.cause, bootIdBefore, bootId };
    case "failed":
      return { kind: "failed", error: reboot.error };
    case "cancelled":
      return { kind: "cancelled" };
  }
}

/** The phases entered since the last read of the twin: a quick reboot is proven before `rebooting` was seen. */
function phasesEntered({ phases }: Memory, { reboot }: BoardView): readonly PhaseEntry[] {
  const present = { phase: reboot.phase, note: noteOf(reboot) };
  const skipped = reboot.phase === "proven" && !phases.some(({ phase }) => phase === "rebooting" || phase === "proven");
  return skipped ? [{ phase: "rebooting", note: "" }, present] : [present];
}

function noteOf({ phase, scheduledFor }: RebootView): string {
  if (phase === "scheduled" && scheduledFor !== null) return `for ${scheduledFor}`;
  return phase === "waiting" ? "for the update that is being applied" : "";
}

function progressOf({ phases }: Memory, { connected, reboot: { delay } }: BoardView): Progress {
  return { phases, download: null, delay: delay && `waiting: ${delay.message} (${delay.code})`, online: connected };
}
