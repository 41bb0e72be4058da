import { failure, type Failure } from "../contract/failure.ts";
import type { ActiveUpdate, Job, UpdateEvent } from "./job.ts";

/* The lease of an update: `startBy`, the time by which it must begin to change the board. Pure. */

/** Whether a job must not begin any more. A job without a lease may always begin. The clock must be known to be set. */
export function isLeaseExpired({ startBy }: Job, now: Date): boolean {
  return startBy !== undefined && now.getTime() >= Date.parse(startBy);
}

/** An event of a job, judged at its moment: with an expired lease none begins to change the board. */
export function enforceLease(event: UpdateEvent, job: Job, now: Date): UpdateEvent {
  const isTooLate = event.type === "applyAllowed" && isLeaseExpired(job, now);
  return isTooLate ? { type: "leaseExpired", at: now.toISOString() } : event;
}

/** Why a job that has not begun is cancelled. */
export function leaseExpired(state: ActiveUpdate): Failure {
  const { startBy = "", origin } = state.job;
  // The same request with another time is the same operation, which has ended.
  const again = `${origin === "desired" ? "declare" : "request"} it again with a new operationId and a later startBy`;
  const message = `The update was to begin by ${startBy}. That time passed ${describeDelay(state)}. The board is unchanged. If the update is still wanted, ${again}.`;
  return failure("lease-expired", state.phase, message);
}

/** What kept a job from beginning. */
function describeDelay({ phase, job: { apply, startBy = "" }, times: { accepted } }: ActiveUpdate): string {
  if (accepted !== undefined && accepted >= startBy) return "before the board had the request";
  switch (phase) {
    case "accepted":
      return "before the download began";
    case "downloading":
      return "while the image was downloaded";
    case "verifying":
      return "while the image was checked";
    default:
      return delays[apply];
  }
}

const delays: Readonly<Record<Job["apply"], string>> = {
  now: "before the board could install it",
  window: "while it waited for the maintenance window",
  manual: "while it waited for approval",
};
