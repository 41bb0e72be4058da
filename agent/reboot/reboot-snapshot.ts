import type { RebootSnapshot } from "../contract/snapshot.ts";
import { describeMissingWindow, type BlockedBy } from "../maintenance/window.ts";
import type { RebootState } from "./machine.ts";

/**
 * The reboot as it is reported to the hub. A proven reboot is reported as proven once its time is known.
 * @param wait what its maintenance window last waited for; null before the first check
 */
export function describeReboot(state: RebootState, wait: BlockedBy | null = null): RebootSnapshot {
  const { last } = state;
  const timestamped = last !== null && last.at !== null ? { ...last, at: last.at } : null;
  const job = "job" in state ? state.job : null;
  return {
    phase: state.phase === "proven" && timestamped === null ? "rebooting" : state.phase,
    operationId: job?.operationId ?? null,
    reason: job?.reason ?? null,
    scheduledFor: scheduledForOf(state, wait),
    delay: isForWindow(state)
      ? describeMissingWindow(wait, "cancel this reboot and request one without a window")
      : null,
    startedAt: "startedAt" in state ? state.startedAt : null,
    fromBootId: fromBootIdOf(state),
    cause: state.phase === "rebooting" || state.phase === "proven" ? causeOf(state) : null,
    error: "error" in state ? state.error : null,
    last: timestamped && {
      at: timestamped.at,
      cause: timestamped.cause,
      clockSynchronized: timestamped.clockSynchronized,
    },
  };
}

function fromBootIdOf(state: RebootState): string | null {
  if ("bootId" in state) return state.bootId;
  return state.phase === "proven" ? state.last.fromBootId : null;
}

function causeOf(state: Extract<RebootState, { phase: "rebooting" | "proven" }>): RebootSnapshot["cause"] {
  return state.phase === "rebooting" ? state.cause : state.last.cause;
}

function isForWindow(state: RebootState): boolean {
  return state.phase === "scheduled" && state.job.window === true;
}

/** Windows and clock may change while a reboot waits, so the saved time does not count for a window. */
function scheduledForOf(state: RebootState, wait: BlockedBy | null): string | null {
  const job = "job" in state ? state.job : null;
  if (isForWindow(state)) return wait?.kind === "closed" ? wait.until : null;
  return job?.scheduledFor ?? null;
}
