import { unblock } from "../reboot/machine.ts";
import { isPastStaging, isRunning } from "../update/machine.ts";
import type { AgentState } from "./agent-state.ts";

/*
 * What blocks whom: an update that changes the board goes before a requested reboot, and no image is applied on a board that is
 * going down. Neither machine knows the other.
 */

/** Whether an update is changing the board: a requested reboot waits for its end. */
export function isUpdateApplying({ update }: AgentState): boolean {
  return isPastStaging(update);
}

/** Why a reboot cannot be scheduled now; undefined when it can: "the update op-1 is applying". */
export function describeBlockingUpdate({ update }: AgentState): string | undefined {
  return isPastStaging(update) && "job" in update
    ? `the update ${update.job.operationId} is ${update.phase}`
    : undefined;
}

/** Whether the board is going down: a staged image waits until it has, or until the reboot has failed. */
export function isRebooting({ reboot }: AgentState): boolean {
  return reboot.phase === "rebooting";
}

/** What an update's new state changes for the reboot: one that waited is due as soon as the update is over. */
export function unblockReboot(
  { reboot }: AgentState,
  update: AgentState["update"],
  nowBootMs: number,
): Partial<AgentState> {
  return { reboot: isPastStaging(update) ? reboot : unblock(reboot, nowBootMs) };
}

/** The operation id of the update that is running; null when none is. An image cannot be uploaded meanwhile. */
export function runningUpdateId({ update }: AgentState): string | null {
  return isRunning(update) ? update.job.operationId : null;
}
