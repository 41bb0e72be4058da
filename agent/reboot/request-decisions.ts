import { truncateUtf8 } from "../contract/safe-text.ts";
import type { MethodReply } from "../contract/method-reply.ts";
import { errorReply } from "../contract/method-reply.ts";
import type { Decision } from "../state/ports.ts";
import { inhibitedMessage, type Inhibitor } from "./inhibited-message.ts";
import type { WindowStatus } from "../maintenance/window.ts";
import { step, type RebootJob, type RebootSlice } from "./machine.ts";

/* Decides requests about reboots from the saved state. Pure: the state store runs one decision at a time. */

export interface RebootProposal {
  readonly job: RebootJob;
  readonly bootId: string;
  readonly dueBootMs: number;
  readonly mode: "systemd" | "simulated";
  /** What the board is busy with that must end first: "the update op-1 is applying"; undefined where nothing is. */
  readonly blockedBy: string | undefined;
  /** The inhibitors held; none where the request ignores them. */
  readonly inhibitors: readonly Inhibitor[];
  /** The status of the maintenance windows for a job that waits for one; null otherwise. */
  readonly window: WindowStatus | null;
}

/** `rebootDevice`: schedules it, unless another one is pending, an update is changing the board, or an inhibitor is held. */
export function decideReboot(
  saved: RebootSlice,
  { job, bootId, dueBootMs, mode, blockedBy, inhibitors, window }: RebootProposal,
): Decision<RebootSlice, MethodReply> {
  if (blockedBy !== undefined) {
    return {
      answer: errorReply({
        status: 409,
        code: "update-running",
        message: `No reboot now: ${blockedBy}. It restarts the board by itself if it needs to; otherwise request the reboot again afterwards.`,
      }),
    };
  }
  const { operationId } = job;
  const isUnknown = window?.kind === "clockUnknown" || (window?.kind === "closed" && window.until === null);
  const scheduledFor = isUnknown ? null : job.scheduledFor;
  const reboot = step(saved.reboot, { type: "scheduled", job, bootId, dueBootMs });
  if (reboot === undefined) {
    const pending = "job" in saved.reboot ? saved.reboot.job : null;
    const forWhen = pending?.window === true ? "the maintenance window" : pending?.scheduledFor;
    const which = pending ? `${pending.operationId}, for ${forWhen}` : "for an update";
    return {
      answer: errorReply({
        status: 409,
        code: "already-scheduled",
        message: `A reboot is pending already (${which}). Wait for it, or cancel it with cancelReboot.`,
      }),
    };
  }
  if (inhibitors.length > 0) {
    return {
      answer: errorReply({ status: 409, code: "inhibited", message: truncateUtf8(inhibitedMessage(inhibitors)) }),
    };
  }
  return {
    change: { reboot },
    answer: {
      status: 200,
      payload: { Response: `Reboot scheduled for ${describeSchedule(job, window)}`, operationId, scheduledFor, mode },
    },
  };
}

function describeSchedule({ scheduledFor }: RebootJob, window: WindowStatus | null): string {
  if (window?.kind === "clockUnknown") return "the maintenance window, once the board's clock is set";
  if (window?.kind === "closed" && window.until === null) return "a maintenance window, but none is known to open";
  return scheduledFor;
}

/** `cancelReboot`: possible until the reboot has started. */
export function decideCancelReboot(
  { reboot }: RebootSlice,
  operationId: string | undefined,
): Decision<RebootSlice, MethodReply> {
  const job = "job" in reboot ? reboot.job : null;
  const isMeant = operationId === undefined || operationId === job?.operationId;
  const cancelled = isMeant ? step(reboot, { type: "cancelled" }) : undefined;
  if (cancelled !== undefined && job !== null) {
    return {
      change: { reboot: cancelled },
      answer: { status: 200, payload: { Response: "Reboot cancelled", operationId: job.operationId } },
    };
  }
  const tooLate = isMeant && reboot.phase === "rebooting";
  return {
    answer: errorReply(
      tooLate
        ? { status: 409, code: "too-late", message: "Too late to cancel: the reboot has started." }
        : {
            status: 404,
            code: "nothing-scheduled",
            message: "No such reboot is scheduled, so there is nothing to cancel.",
          },
    ),
  };
}
