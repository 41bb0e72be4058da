import { failure } from "../contract/failure.ts";
import type { RebootCause } from "../contract/snapshot.ts";
import { isPending, maxLatenessMs, type RebootJob, type RebootState } from "./machine.ts";

/* What a reboot goes on with after a restart of the agent, and what a changed boot id proves. Pure. */

/**
 * The state to continue from after a restart of the agent. A changed boot id completes a pending reboot. A pending reboot in
 * an older state fails, because it may have been cancelled since; so does an overdue one.
 */
export function recoverReboot(
  state: RebootState,
  facts: {
    readonly bootId: string;
    readonly savedBootId: string;
    readonly isOlderCopy: boolean;
    readonly nowBootMs: number;
  },
): RebootState {
  const { bootId, savedBootId, isOlderCopy, nowBootMs } = facts;
  if (savedBootId === bootId) {
    if (isOlderCopy) return failPending(state, "state-lost", stateLost);
    return isOverdue(state, nowBootMs) ? failPending(state, "reboot-never-came", tooLate) : state;
  }
  const { job, cause, startedAt } = pendingJob(state);
  return {
    phase: "proven",
    last: { fromBootId: savedBootId, bootId, cause, at: null, clockSynchronized: false },
    job,
    startedAt,
  };
}

const stateLost =
  "The latest saved state cannot be read, so it is not known whether this reboot is still wanted. Check the board's disk, then request it again.";
const tooLate =
  "The reboot did not come when it was due: it was refused, or the agent did not run, or could not save its state. A late reboot is not done. Check the agent's log, then request it again.";

/** A reboot in a window is never overdue: the window opens again. */
function isOverdue(state: RebootState, nowBootMs: number): boolean {
  if (!("dueBootMs" in state)) return false;
  const { dueBootMs = Infinity } = state;
  const isForWindow = state.phase !== "rebooting" && state.job.window === true;
  return !isForWindow && nowBootMs - dueBootMs > maxLatenessMs;
}

function failPending(state: RebootState, code: "state-lost" | "reboot-never-came", message: string): RebootState {
  if (!isPending(state)) return state;
  const { last, phase } = state;
  return {
    phase: "failed",
    last,
    job: "job" in state ? state.job : null,
    error: failure(code, phase, message),
  };
}

function pendingJob(state: RebootState): { job: RebootJob | null; cause: RebootCause; startedAt: string | null } {
  if (state.phase === "rebooting") return { job: state.job, cause: state.cause, startedAt: state.startedAt };
  if (state.phase === "scheduled" || state.phase === "waiting")
    return { job: state.job, cause: "other", startedAt: null };
  return { job: null, cause: "other", startedAt: null };
}
