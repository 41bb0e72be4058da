import type { UpdatePhase } from "../../agent/contract/snapshot.ts";
import type { BoardView } from "./board-view.ts";

export type Cancellable = "reboot" | "update";

/** Phases in which no work is left. */
const ended: ReadonlySet<UpdatePhase> = new Set(["idle", "completed", "failed", "rolledBack", "cancelled"]);

/** What a board has in hand that could be taken back. Whether it is too late is for the board to say. */
export function cancellable({ reboot, update }: BoardView): readonly Cancellable[] {
  // A reboot that an update needs has no id of its own: it is the update that would have to be cancelled.
  const isRebootPending = ["scheduled", "waiting", "rebooting"].includes(reboot.phase) && reboot.operationId !== null;
  return [...(isRebootPending ? (["reboot"] as const) : []), ...(ended.has(update.phase) ? [] : (["update"] as const))];
}
