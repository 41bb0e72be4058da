import type { Failure } from "../../agent/contract/failure.ts";
import type { BoardView, UpdateView } from "../boards/board-view.ts";
import { delayWords, waitWords } from "../boards/format-progress.ts";
import { saySize } from "../cli/screen/measures.ts";
import { turnTo, type Chapter, type PhaseNote, type Scene, type Story } from "./tracker.ts";
import { phasesSince } from "./update-phases.ts";

/** How an update that was asked for came to its end. */
export type UpdateEnd =
  | { readonly kind: "completed"; readonly version: string; readonly already: boolean }
  | { readonly kind: "rehearsed" }
  /** The board says that it is done, but not that any version was proven. */
  | { readonly kind: "unproven"; readonly rehearsal: boolean }
  | { readonly kind: "failed" | "rolledBack"; readonly error: Failure | null }
  | { readonly kind: "cancelled" }
  | { readonly kind: "superseded"; readonly by: string | null }
  | { readonly kind: "refused"; readonly code: string; readonly message: string };

/** What was asked for, and how. */
export interface UpdateAsked {
  readonly operationId: string;
  /** What is to run in the end. */
  readonly version: string;
  /** Asked for with `--rehearse`: only then does a rehearsal count. */
  readonly rehearsal: boolean;
  /** The board answered that this is running, or done and proven, already. */
  readonly already: boolean;
  /** The board had answered this very request before. */
  readonly repeated: boolean;
  /** Where it was declared: the version of the desired properties that say so. */
  readonly desiredVersion: number | null;
}

interface Memory {
  /** What the twin told of before: an operation that is not ours, but no newer one either. */
  readonly earlier: string | null;
  /** The board has told of this operation: another one in its place is a newer one. */
  readonly seen: boolean;
  readonly phases: readonly PhaseNote[];
}

/**
 * An update, from the request to the proof. It counts only when the twin says that this very operation is completed, and
 * names its version as the one that was proven.
 * @param before the board as it was before it was asked
 */
export function updateStory(asked: UpdateAsked, before: BoardView): Story<Memory, UpdateEnd> {
  // One that was under way before it was asked about has gone through its phases earlier, not now.
  const { phase, operationId } = before.update;
  const phases = operationId === asked.operationId ? [{ phase, note: noteOf(phase, before) }] : [];
  const begin: Memory = { earlier: operationId, seen: asked.repeated, phases };
  return {
    begin,
    next: (memory, board) =>
      board.update.operationId === asked.operationId ? ours(asked, memory, board) : notOurs(asked, memory, board),
  };
}

function ours(asked: UpdateAsked, memory: Memory, board: BoardView): Chapter<Memory, UpdateEnd> {
  const { update } = board;
  const entered = phasesSince(memory.phases.at(-1)?.phase, update).map((phase) => ({
    phase,
    note: noteOf(phase, board),
  }));
  const now: Memory = { ...memory, seen: true, phases: turnTo(memory.phases, entered) };
  return { memory: now, scene: sceneOf(now, board), end: endOf(asked, update) };
}

function endOf({ rehearsal, already }: UpdateAsked, update: UpdateView): UpdateEnd | undefined {
  switch (update.phase) {
    case "completed":
      if (update.rehearsal) return rehearsal ? { kind: "rehearsed" } : { kind: "unproven", rehearsal: true };
      if (update.version === null || !isProven(update)) {
        return { kind: "unproven", rehearsal: false };
      }
      return { kind: "completed", version: update.version, already };
    case "failed":
    case "rolledBack":
      return { kind: update.phase, error: update.error };
    case "cancelled":
      return { kind: "cancelled" };
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

/** The board names this very operation, and its version, as the last one that it has proven. */
function isProven({ operationId, version, lastProven }: UpdateView): boolean {
  return lastProven !== null && lastProven.operationId === operationId && lastProven.version === version;
}

/** The twin tells of another operation: of an earlier one still, or of a newer one. */
function notOurs(asked: UpdateAsked, memory: Memory, board: BoardView): Chapter<Memory, UpdateEnd> {
  return { memory, scene: sceneOf(memory, board), end: endWithoutUs(asked, memory, board) };
}

function endWithoutUs(asked: UpdateAsked, memory: Memory, { update, desired }: BoardView): UpdateEnd | undefined {
  if (memory.seen) return { kind: "superseded", by: update.operationId };
  // Done and proven before, and another job since: what the board answered is borne out by what it proved last.
  if (asked.already && update.lastProven?.version === asked.version) {
    return { kind: "completed", version: asked.version, already: true };
  }
  if (asked.desiredVersion === null) {
    const isNewer = update.operationId !== null && update.operationId !== memory.earlier;
    return isNewer ? { kind: "superseded", by: update.operationId } : undefined;
  }
  const { refused } = update;
  if (refused !== null && refused.desiredVersion >= asked.desiredVersion) {
    return { kind: "refused", code: refused.code, message: refused.message };
  }
  // Still declared, and not begun: the board reads it once it is online and no other update is in the way.
  if (desired.firmwareOperationId === asked.operationId) return undefined;
  return { kind: "superseded", by: desired.firmwareOperationId };
}

function noteOf(phase: string, { update }: BoardView): string {
  if (phase === "downloading" && update.totalBytes !== null) return saySize(update.totalBytes);
  if (phase !== update.phase) return "";
  if (phase === "staged") return waitWords(update) ?? "";
  if (phase === "reverting" && update.error !== null) return update.error.message;
  return update.attempt !== null && update.attempt > 1 ? `attempt ${update.attempt}` : "";
}

function sceneOf({ phases }: Memory, { update, connected }: BoardView): Scene {
  const { receivedBytes, totalBytes, delay } = update;
  const isDownloading = phases.at(-1)?.phase === "downloading";
  return {
    phases,
    progress: isDownloading ? { receivedBytes: receivedBytes ?? 0, totalBytes } : null,
    delay: isDownloading && delay !== null ? delayWords(delay) : null,
    online: connected,
  };
}
