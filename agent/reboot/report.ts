import type { RebootSnapshot } from "../contract/snapshot.ts";
import type { BlockedBy } from "../maintenance/window.ts";
import type { RebootState } from "./machine.ts";

/**
 * The reboot as the hub may know it. A proven reboot counts as proven once it is known when it was.
 * @param wait what its maintenance window was last seen to make it wait for; null where nobody has looked
 */
export function describeReboot(state: RebootState, wait: BlockedBy | null = null): RebootSnapshot {
  const { last } = state;
  const stamped = last !== null && last.at !== null ? { ...last, at: last.at } : null;
  const job = "job" in state ? state.job : null;
  return {
    phase: state.phase === "proven" && stamped === null ? "rebooting" : state.phase,
    operationId: job?.operationId ?? null,
    reason: job?.reason ?? null,
    scheduledFor: scheduledForOf(state, wait),
    startedAt: "startedAt" in state ? state.startedAt : null,
    fromBootId: fromBootIdOf(state),
    cause: state.phase === "rebooting" || state.phase === "proven" ? causeOf(state) : null,
    error: "error" in state ? state.error : null,
    last: stamped && { at: stamped.at, cause: stamped.cause, clockSynchronized: stamped.clockSynchronized },
  };
}

function fromBootIdOf(state: RebootState): string | null {
  if ("bootId" in state) return state.bootId;
  return state.phase === "proven" ? state.last.fromBootId : null;
}

function causeOf(state: Extract<RebootState, { phase: "rebooting" | "proven" }>): RebootSnapshot["cause"] {
  return state.phase === "rebooting" ? state.cause : state.last.cause;
}

/** A window may be moved, and the clock with it, while a reboot waits: then what was saved is not what will be. */
function scheduledForOf(state: RebootState, wait: BlockedBy | null): string | null {
  const job = "job" in state ? state.job : null;
  if (job?.window === true && state.phase === "scheduled") return wait?.kind === "closed" ? wait.until : null;
  return job?.scheduledFor ?? null;
}
