import { keepsDownloadedBytes } from "../contract/codes.ts";
import { failure, type Failure } from "../contract/failure.ts";
import { installCancelled } from "./install-cancelled.ts";
import { resolvedJob } from "./job-changes.ts";
import { leaseExpired } from "./lease.ts";
import type { ActiveUpdate, Baseline, Image, Job, UpdateEvent, UpdateState } from "./job.ts";

/**
 * How often each step may begin, so that every loop across restarts ends. To give up an installation leaves the board
 * unchanged. To give up a rollback leaves it on an uncommitted system, maybe without a hub, and the next installation would
 * overwrite the system that still boots: so that limit is high. `commits` limits the boots of a system that passed its
 * health check, `trialBoots` those of one that has not.
 */
export const attemptLimits = {
  searches: 20,
  downloads: 100,
  installs: 3,
  arms: 3,
  reboots: 5,
  trialBoots: 5,
  commits: 15,
  reverts: 10,
} as const;

/** What must be done while in a state. Derived from the state, so none is lost; each may run twice. */
export type UpdateAction =
  | { readonly kind: "resolve"; readonly job: Job; readonly attempt: number }
  | { readonly kind: "reserveSpace"; readonly job: Job }
  | { readonly kind: "download"; readonly job: Job; readonly attempt: number }
  | { readonly kind: "checkAndStage"; readonly job: Job; readonly image: Image }
  | { readonly kind: "awaitApplyAllowed"; readonly job: Job }
  | { readonly kind: "install"; readonly job: Job; readonly image: Image; readonly attempt: number }
  | { readonly kind: "arm"; readonly job: Job; readonly image: Image }
  | { readonly kind: "reboot"; readonly job: Job }
  | { readonly kind: "checkHealth"; readonly job: Job; readonly image: Image; readonly before: Baseline }
  | { readonly kind: "commit"; readonly job: Job; readonly image: Image }
  | {
      readonly kind: "revert";
      readonly job: Job;
      readonly image: Image;
      readonly before: Baseline;
      readonly attempt: number;
    }
  | { readonly kind: "cleanUp"; readonly job: Job; readonly keepsPartial: boolean };

/**
 * The state after an event; undefined when the event is ignored: the result of a replaced action, a cancel that is too
 * late, a second request while one is running.
 */
export function step(state: UpdateState, event: UpdateEvent): UpdateState | undefined {
  const { at } = event;
  switch (state.phase) {
    case "idle":
    case "completed":
    case "failed":
    case "rolledBack":
    case "cancelled":
      if (event.type !== "accepted") return undefined;
      return { phase: "accepted", job: event.job, times: { accepted: at } };

    case "accepted":
      if (event.type === "resolved" && state.job.unresolved === true)
        return { phase: "accepted", job: resolvedJob(state.job, event.image), times: state.times };
      if (event.type === "spaceReserved" && state.job.unresolved === undefined)
        return { ...enterPhase(state, "downloading", at), attempt: 1 };
      return endEarly(state, event);

    case "downloading":
      if (event.type === "downloaded") return { ...enterPhase(state, "verifying", at), image: event.image };
      return endEarly(state, event);

    case "verifying":
      if (event.type === "verified") return { ...enterPhase(state, "staged", at), image: state.image };
      return endEarly(state, event);

    case "staged":
      if (event.type === "applyAllowed") {
        return {
          ...enterPhase(state, "applying", at),
          image: state.image,
          before: event.before,
          attempt: 1,
          installed: null,
        };
      }
      return endEarly(state, event);

    case "applying":
      return stepApplying(state, event);

    case "rebooting":
      if (event.type === "armed" && !state.armed) return { ...state, armed: true };
      if (event.type === "failed") return startRollback(state, event.error, at, "board", event.bootId, "failed");
      return undefined;

    case "proving":
      if (event.type === "proven" && !state.proven) return { ...state, proven: true };
      if (event.type === "committed" && state.proven) return endJob(state, "completed", at);
      if (event.type === "failed") {
        return startRollback(state, event.error, at, state.restart, event.bootId, "rolledBack");
      }
      return undefined;

    case "reverting":
      if (event.type === "reverted" && !state.reverted) {
        return event.restartNeeded ? { ...state, reverted: true } : finishRollback(state, at);
      }
      if (event.type === "failed") {
        const retried = retryRollback(state, event.bootId) ?? rollbackByBootloader(state, event.bootId);
        return retried ?? { ...endJob(state, "failed", at), error: rollbackFailure(state, event.error) };
      }
      return undefined;
  }
}

function stepApplying(state: InPhase<"applying">, event: UpdateEvent): UpdateState | undefined {
  const { at } = event;
  if (event.type === "installed" && state.installed === null) {
    if (event.restart !== "board") return { ...state, attempt: 1, installed: event.restart };
    const { image, before } = state;
    return { ...enterPhase(state, "rebooting", at), image, before, attempt: 1, armed: false, fromBootId: event.bootId };
  }
  if (event.type === "armed" && state.installed !== null) {
    const { image, before, installed: restart } = state;
    return { ...enterPhase(state, "proving", at), image, before, restart, proven: false };
  }
  // Only who asks for it stops an installation that has begun: a document that goes, or another that comes, does not.
  if (event.type === "cancelled" && event.error === undefined && state.installed === null)
    return { ...endJob(state, "cancelled", at), error: installCancelled(state) };
  if (event.type === "failed") {
    // Before it is installed, nothing was switched. Afterwards arming may have happened in part.
    if (state.installed === null) return { ...endJob(state, "failed", at), error: event.error };
    return startRollback(state, event.error, at, state.installed, event.bootId, "failed");
  }
  return undefined;
}

/** What must be done in a state; undefined where the machine waits for a request. */
export function actionFor(state: UpdateState): UpdateAction | undefined {
  switch (state.phase) {
    case "idle":
      return undefined;
    case "accepted":
      if (state.job.unresolved === true) return { kind: "resolve", job: state.job, attempt: state.attempt ?? 1 };
      return { kind: "reserveSpace", job: state.job };
    case "downloading":
      return { kind: "download", job: state.job, attempt: state.attempt };
    case "verifying":
      return { kind: "checkAndStage", job: state.job, image: state.image };
    case "staged":
      return { kind: "awaitApplyAllowed", job: state.job };
    case "applying":
      if (state.installed !== null) return { kind: "arm", job: state.job, image: state.image };
      return { kind: "install", job: state.job, image: state.image, attempt: state.attempt };
    case "rebooting":
      return state.armed ? { kind: "reboot", job: state.job } : { kind: "arm", job: state.job, image: state.image };
    case "proving":
      if (state.proven) return { kind: "commit", job: state.job, image: state.image };
      return { kind: "checkHealth", job: state.job, image: state.image, before: state.before };
    case "reverting":
      if (state.reverted) return { kind: "reboot", job: state.job };
      return { kind: "revert", job: state.job, image: state.image, before: state.before, attempt: state.attempt };
    case "completed":
    case "rolledBack":
      return { kind: "cleanUp", job: state.job, keepsPartial: false };
    case "cancelled":
      return { kind: "cleanUp", job: state.job, keepsPartial: true };
    case "failed":
      return { kind: "cleanUp", job: state.job, keepsPartial: keepsDownloadedBytes(state.error.code) };
  }
}

/** True while a job has not begun to change the board. */
export function isBeforeInstall(state: UpdateState): boolean {
  return ["accepted", "downloading", "verifying", "staged"].includes(state.phase);
}

/** True while the board is being changed, until that has succeeded or failed. */
export function isPastStaging(state: UpdateState): boolean {
  return ["applying", "rebooting", "proving", "reverting"].includes(state.phase);
}

/** True while a job runs: no other is accepted. */
export function isRunning(state: UpdateState): state is Exclude<ActiveUpdate, { phase: EndPhase }> {
  return isBeforeInstall(state) || isPastStaging(state);
}

/** How a job can end while the board is unchanged. */
function endEarly(state: ActiveUpdate, event: UpdateEvent): UpdateState | undefined {
  if (event.type === "cancelled") {
    const { error } = event;
    return { ...endJob(state, "cancelled", event.at), ...(error === undefined ? {} : { error }) };
  }
  if (event.type === "leaseExpired") return { ...endJob(state, "cancelled", event.at), error: leaseExpired(state) };
  if (event.type === "failed") return { ...endJob(state, "failed", event.at), error: event.error };
  return undefined;
}

/* Transitions that both an event and a recovery can take. */

export type EndPhase = "completed" | "failed" | "rolledBack" | "cancelled";
export type InPhase<Phase extends UpdateState["phase"]> = Extract<UpdateState, { phase: Phase }>;

export function enterPhase<const Phase extends UpdateState["phase"]>(
  { job, times }: ActiveUpdate,
  phase: Phase,
  at: string,
): { phase: Phase; job: Job; times: ActiveUpdate["times"] } {
  return { phase, job, times: { ...times, [phase]: at } };
}

export function endJob<const Phase extends EndPhase>(
  { job, times }: ActiveUpdate,
  phase: Phase,
  at: string,
): { phase: Phase; job: Job; times: ActiveUpdate["times"] } {
  return { phase, job, times: { ...times, ended: at } };
}

export function startRollback(
  state: InPhase<"applying" | "rebooting" | "proving">,
  error: Failure,
  at: string,
  restart: InPhase<"reverting">["restart"],
  fromBootId: string,
  finalPhase: InPhase<"reverting">["end"],
): UpdateState {
  const { image, before } = state;
  return {
    ...enterPhase(state, "reverting", at),
    image,
    before,
    restart,
    attempt: 1,
    error,
    reverted: false,
    fromBootId,
    end: finalPhase,
  };
}

/** Starts a failed rollback again, several times: a board that stays on a bad system may be lost. */
export function retryRollback(state: InPhase<"reverting">, fromBootId: string): UpdateState | undefined {
  if (state.attempt >= attemptLimits.reverts) return undefined;
  return { ...state, reverted: false, attempt: state.attempt + 1, fromBootId };
}

/**
 * Where the installer cannot revert, the boot loader may: after a restart it does not start a trial system again. Not where
 * the new system never ran: it may still be armed.
 */
function rollbackByBootloader(state: InPhase<"reverting">, fromBootId: string): UpdateState | undefined {
  if (state.restart !== "board" || state.reverted || state.end !== "rolledBack") return undefined;
  return { ...state, reverted: true, fromBootId };
}

/** A rollback that failed has a code of its own: the same installer error is harmless while nothing was switched. */
function rollbackFailure({ job, error }: InPhase<"reverting">, cause: Failure): Failure {
  if (cause.code === "revert-failed") return cause;
  const danger = `The board may run or boot ${job.version}, which is not proven (${error.code}).`;
  const remedy = "Check the board on site, or request an update to a good image.";
  return failure(
    "rollback-failed",
    cause.during,
    `The rollback failed (${cause.code}): ${cause.message} ${danger} ${remedy}`,
  );
}

export function finishRollback(state: InPhase<"reverting">, at: string): UpdateState {
  return { ...endJob(state, state.end, at), error: state.error };
}
