import type { Failure } from "../../agent/contract/failure.ts";
import type { RebootCause } from "../../agent/contract/snapshot.ts";
import type { BoardView, RebootView } from "../boards/board-view.ts";
import { turnTo, type Chapter, type PhaseNote, type Scene, type Story } from "./tracker.ts";

/** How a reboot that was asked for came to its end. */
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
  /** The boot that the reboot is to end, as it was seen before; null where the reboot was under way then. */
  readonly bootIdBefore: string | null;
  /** What the twin told of before: an operation that is not ours, but no newer one either. */
  readonly earlier: string | null;
  /** The board has told of this operation: another one in its place is a newer one. */
  readonly seen: boolean;
  readonly phases: readonly PhaseNote[];
}

/**
 * A reboot, from the request to the proof. It counts only when the twin says that this very operation is proven, and the
 * board's boot id is another one than before.
 * @param before the board as it was before it was asked
 * @param repeated whether the board had answered this very request before
 */
export function rebootStory(operationId: string, before: BoardView, repeated: boolean): Story<Memory, RebootEnd> {
  // Asked a second time with the same id, the reboot may have come already: then the board has to say which boot it ended.
  const isUnderWay =
    before.reboot.operationId === operationId && !["scheduled", "waiting"].includes(before.reboot.phase);
  const begin: Memory = {
    bootIdBefore: isUnderWay ? null : (before.agent?.bootId ?? null),
    earlier: before.reboot.operationId,
    seen: repeated,
    // One that was under way before it was asked about has gone through its phases earlier, not now.
    phases:
      before.reboot.operationId === operationId ? [{ phase: before.reboot.phase, note: noteOf(before.reboot) }] : [],
  };
  return { begin, next: (memory, board) => nextChapter(operationId, memory, board) };
}

function nextChapter(operationId: string, memory: Memory, board: BoardView): Chapter<Memory, RebootEnd> {
  const { reboot } = board;
  if (reboot.operationId !== operationId) {
    const isNewer = memory.seen || (reboot.operationId !== null && reboot.operationId !== memory.earlier);
    const end: RebootEnd | undefined = isNewer ? { kind: "superseded", by: reboot.operationId } : undefined;
    return { memory, scene: sceneOf(memory, board), end };
  }
  const bootIdBefore = memory.bootIdBefore ?? reboot.fromBootId;
  const phases = turnTo(memory.phases, entered(memory, board));
  const now: Memory = { ...memory, bootIdBefore, seen: true, phases };
  return { memory: now, scene: sceneOf(now, board), end: endOf(now, board) };
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

/** The phases entered since the last look: a quick reboot is proven before it was seen going down. */
function entered({ phases }: Memory, { reboot }: BoardView): readonly PhaseNote[] {
  const present = { phase: reboot.phase, note: noteOf(reboot) };
  const skipped = reboot.phase === "proven" && !phases.some(({ phase }) => phase === "rebooting" || phase === "proven");
  return skipped ? [{ phase: "rebooting", note: "" }, present] : [present];
}

function noteOf({ phase, scheduledFor }: RebootView): string {
  if (phase === "scheduled" && scheduledFor !== null) return `for ${scheduledFor}`;
  return phase === "waiting" ? "for the update that is being applied" : "";
}

function sceneOf({ phases }: Memory, { connected }: BoardView): Scene {
  return { phases, progress: null, delay: null, online: connected };
}
