import { failure, type Failure } from "../contract/failure.ts";
import { keepsPartial } from "./download/policy.ts";
import {
  uncounted,
  type ActiveUpdate,
  type Before,
  type Image,
  type Job,
  type Restart,
  type RestartFacts,
  type UpdateEvent,
  type UpdateState,
} from "./job.ts";

/** How often each step may be begun before the machine gives it up: every loop across restarts ends. */
export const limits = { downloads: 100, installs: 3, arms: 3, reboots: 5, trialBoots: 5, reverts: 3 } as const;

/** What must be done while in a state. Derived from the state, so none is lost; each may be done twice. */
export type Duty =
  | { readonly kind: "admit"; readonly job: Job }
  | { readonly kind: "fetch"; readonly job: Job; readonly attempt: number }
  | { readonly kind: "verify"; readonly job: Job; readonly image: Image }
  | { readonly kind: "awaitRelease"; readonly job: Job }
  | { readonly kind: "install"; readonly job: Job; readonly image: Image; readonly attempt: number }
  | { readonly kind: "arm"; readonly job: Job; readonly image: Image }
  | { readonly kind: "reboot"; readonly job: Job }
  | { readonly kind: "prove"; readonly job: Job; readonly image: Image; readonly before: Before }
  | { readonly kind: "commit"; readonly job: Job; readonly image: Image }
  | {
      readonly kind: "revert";
      readonly job: Job;
      readonly image: Image;
      readonly before: Before;
      readonly attempt: number;
    }
  | { readonly kind: "tidy"; readonly job: Job; readonly keepsPartial: boolean };

/**
 * The state after an event, or undefined when this state does not answer it: an event of a duty that has been
 * overtaken, a cancel that comes too late, a second request while one is running.
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
      if (event.type === "admitted") return { ...enter(state, "downloading", at), attempt: 1 };
      return endEarly(state, event);

    case "downloading":
      if (event.type === "fetched") return { ...enter(state, "verifying", at), image: event.image };
      return endEarly(state, event);

    case "verifying":
      if (event.type === "verified") return { ...enter(state, "staged", at), image: state.image };
      return endEarly(state, event);

    case "staged":
      if (event.type === "released") {
        return {
          ...enter(state, "applying", at),
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
      if (event.type === "failed") return goBack(state, event.error, at, "board", event.bootId, "failed");
      return undefined;

    case "proving":
      if (event.type === "proven" && !state.proven) return { ...state, proven: true };
      if (event.type === "committed" && state.proven) return end(state, "completed", at);
      if (event.type === "failed") {
        return goBack(state, event.error, at, state.restart, event.bootId, "rolledBack");
      }
      return undefined;

    case "reverting":
      if (event.type === "reverted" && !state.reverted) {
        return event.restartNeeded ? { ...state, reverted: true } : endReverted(state, at);
      }
      if (event.type === "failed") {
        return goBackAgain(state, event.bootId) ?? { ...end(state, "failed", at), error: event.error };
      }
      return undefined;
  }
}

function stepApplying(state: Of<"applying">, event: UpdateEvent): UpdateState | undefined {
  const { at } = event;
  if (event.type === "installed" && state.installed === null) {
    if (event.restart !== "board") return { ...state, attempt: 1, installed: event.restart };
    const { image, before } = state;
    return { ...enter(state, "rebooting", at), image, before, attempt: 1, armed: false, fromBootId: event.bootId };
  }
  if (event.type === "armed" && state.installed !== null) {
    const { image, before, installed: restart } = state;
    return { ...enter(state, "proving", at), image, before, restart, proven: false };
  }
  if (event.type === "failed") {
    // Until it is installed nothing was switched over; afterwards arming may have been done in part.
    if (state.installed === null) return { ...end(state, "failed", at), error: event.error };
    return goBack(state, event.error, at, state.installed, event.bootId, "failed");
  }
  return undefined;
}

/** The state to go on from after a restart of the agent, with or without the board. Total: any state, any facts. */
export function resume(state: UpdateState, facts: RestartFacts): UpdateState {
  const { at, bootId } = facts;
  switch (state.phase) {
    case "idle":
    case "completed":
    case "failed":
    case "rolledBack":
    case "cancelled":
      return state;

    case "accepted":
    case "verifying":
    case "staged":
      return facts.isOlder ? lost(state, at) : state;

    case "downloading":
      if (facts.isOlder) return lost(state, at);
      if (state.attempt < limits.downloads) return { ...state, attempt: state.attempt + 1 };
      return {
        ...end(state, "failed", at),
        error: wornOut("downloading", `the download was cut off ${limits.downloads} times`),
      };

    case "applying":
      if (state.installed !== null) return resumeArming(state, state.installed, facts);
      if (state.attempt < limits.installs) return { ...state, attempt: state.attempt + 1 };
      return {
        ...end(state, "failed", at),
        error: wornOut("applying", `the installer was cut off ${limits.installs} times`),
      };

    case "rebooting":
      return resumeRebooting(state, facts);

    case "proving": {
      if (runs(state, facts) === "another") {
        return goBack(state, fellBack(state.job), at, state.restart, bootId, "rolledBack");
      }
      // A proof holds for the boot in which it was given: what boots next may be the old system again.
      const proven = state.proven && bootId === facts.savedBootId;
      if (proven || facts.trialBoots <= limits.trialBoots)
        return proven === state.proven ? state : { ...state, proven };
      return goBack(state, neverHealthy(facts), at, state.restart, bootId, "rolledBack");
    }

    case "reverting":
      if (state.reverted && bootId !== state.fromBootId && runs(state, facts) === "another")
        return endReverted(state, at);
      // Only the agent was restarted: the reboot into the old system is still to come.
      if (state.reverted && bootId === state.fromBootId) return state;
      return (
        goBackAgain(state, bootId) ?? {
          ...end(state, "failed", at),
          error: wornOut("reverting", `going back was cut off ${limits.reverts} times`),
        }
      );
  }
}

/** It may have been cancelled since. Nothing of the board has been changed yet, so it can be asked for again. */
function lost(state: ActiveUpdate, at: string): UpdateState {
  const message =
    "What was saved last cannot be read, so it is not known whether this update was still wanted. Look at the board's disk, then ask for it again.";
  return { ...end(state, "failed", at), error: failure("state-lost", state.phase, message) };
}

/** What must be done in a state; undefined where there is nothing but to wait for a request. */
export function duty(state: UpdateState): Duty | undefined {
  switch (state.phase) {
    case "idle":
      return undefined;
    case "accepted":
      return { kind: "admit", job: state.job };
    case "downloading":
      return { kind: "fetch", job: state.job, attempt: state.attempt };
    case "verifying":
      return { kind: "verify", job: state.job, image: state.image };
    case "staged":
      return { kind: "awaitRelease", job: state.job };
    case "applying":
      if (state.installed !== null) return { kind: "arm", job: state.job, image: state.image };
      return { kind: "install", job: state.job, image: state.image, attempt: state.attempt };
    case "rebooting":
      return state.armed ? { kind: "reboot", job: state.job } : { kind: "arm", job: state.job, image: state.image };
    case "proving":
      if (state.proven) return { kind: "commit", job: state.job, image: state.image };
      return { kind: "prove", job: state.job, image: state.image, before: state.before };
    case "reverting":
      if (state.reverted) return { kind: "reboot", job: state.job };
      return { kind: "revert", job: state.job, image: state.image, before: state.before, attempt: state.attempt };
    case "completed":
    case "rolledBack":
      return { kind: "tidy", job: state.job, keepsPartial: false };
    case "cancelled":
      return { kind: "tidy", job: state.job, keepsPartial: true };
    case "failed":
      return { kind: "tidy", job: state.job, keepsPartial: keepsPartial(state.error.code) };
  }
}

/** True while a job can still be cancelled: nothing of the board has been changed yet. */
export function isCancellable(state: UpdateState): boolean {
  return ["accepted", "downloading", "verifying", "staged"].includes(state.phase);
}

/** True from the moment the board is being changed until that has ended well or badly. */
export function isPastStaging(state: UpdateState): boolean {
  return ["applying", "rebooting", "proving", "reverting"].includes(state.phase);
}

/** True while a job is under way: no other can be accepted. */
export function isRunning(state: UpdateState): state is Exclude<ActiveUpdate, { phase: Ended }> {
  return isCancellable(state) || isPastStaging(state);
}

type Ended = "completed" | "failed" | "rolledBack" | "cancelled";
type Of<Phase extends UpdateState["phase"]> = Extract<UpdateState, { phase: Phase }>;

function enter<const Phase extends UpdateState["phase"]>(
  { job, times }: ActiveUpdate,
  phase: Phase,
  at: string,
): { phase: Phase; job: Job; times: ActiveUpdate["times"] } {
  return { phase, job, times: { ...times, [phase]: at } };
}

function end<const Phase extends Ended>(
  { job, times }: ActiveUpdate,
  phase: Phase,
  at: string,
): { phase: Phase; job: Job; times: ActiveUpdate["times"] } {
  return { phase, job, times: { ...times, ended: at } };
}

/** The ends that a job can come to while nothing of the board has been changed. */
function endEarly(state: ActiveUpdate, event: UpdateEvent): UpdateState | undefined {
  if (event.type === "cancelled") return end(state, "cancelled", event.at);
  if (event.type === "failed") return { ...end(state, "failed", event.at), error: event.error };
  return undefined;
}

function goBack(
  state: Of<"applying" | "rebooting" | "proving">,
  error: Failure,
  at: string,
  restart: Of<"reverting">["restart"],
  fromBootId: string,
  lastly: Of<"reverting">["end"],
): UpdateState {
  const { image, before } = state;
  return {
    ...enter(state, "reverting", at),
    image,
    before,
    restart,
    attempt: 1,
    error,
    reverted: false,
    fromBootId,
    end: lastly,
  };
}

/** What did not go back the first time is begun anew, a few times: a board that stays on a bad system may be lost. */
function goBackAgain(state: Of<"reverting">, fromBootId: string): UpdateState | undefined {
  if (state.attempt >= limits.reverts) return undefined;
  return { ...state, reverted: false, attempt: state.attempt + 1, fromBootId };
}

function endReverted(state: Of<"reverting">, at: string): UpdateState {
  return { ...end(state, state.end, at), error: state.error };
}

/** The service restarts under an installer that was cut off: it is told again, a few times. */
function resumeArming(state: Of<"applying">, restart: Restart, { at, bootId }: RestartFacts): UpdateState {
  if (state.attempt < limits.arms) return { ...state, attempt: state.attempt + 1 };
  const error = wornOut("applying", `switching over was cut off ${limits.arms} times`);
  return goBack(state, error, at, restart, bootId, "failed");
}

function resumeRebooting(state: Of<"rebooting">, facts: RestartFacts): UpdateState {
  const { at, bootId } = facts;
  const { image, before, armed } = state;
  const again = (cutOff: string): UpdateState => {
    if (state.attempt < limits.reboots) return { ...state, attempt: state.attempt + 1, fromBootId: bootId };
    const error = wornOut("rebooting", `${cutOff} ${limits.reboots} times`);
    return goBack(state, error, at, "board", bootId, "failed");
  };
  // Only the agent was restarted: arm, or ask for the reboot, again.
  if (bootId === state.fromBootId) return again("the agent was cut off on the way into the new system");
  if (runs(state, facts) === "another") {
    if (armed) return goBack(state, fellBack(state.job), at, "board", bootId, "rolledBack");
    // The board went down before the new system was armed: nothing was tried yet.
    return again("the board went down before the new system could be armed");
  }
  if (facts.trialBoots > limits.trialBoots)
    return goBack(state, neverHealthy(facts), at, "board", bootId, "rolledBack");
  return { ...enter(state, "proving", at), image, before, restart: "board", proven: false };
}

/**
 * Which system runs. Unknown is no evidence of either: the proof asks again, and takes its time. A rehearsal changes no
 * version: for it, having come through the restart is all that there is to see.
 */
function runs({ job }: ActiveUpdate, { runningVersion }: RestartFacts): "wanted" | "another" | "unknown" {
  if (job.rehearsal || runningVersion === job.version) return "wanted";
  return runningVersion === null ? "unknown" : "another";
}

function wornOut(during: string, what: string): Failure {
  return failure(
    "interrupted-too-often",
    during,
    `Gave up because ${what}. Look for power cuts or crashes of the board, then ask for the update again.`,
  );
}

function fellBack(job: Job): Failure {
  return failure(
    "fell-back",
    "rebooting",
    `The board restarted but does not run ${job.version}: the new system did not come up, and the boot loader went back to the old one. Try the image on a board at hand.`,
  );
}

function neverHealthy({ trialBoots }: RestartFacts): Failure {
  const what =
    trialBoots >= uncounted
      ? "The count of the new system's starts is damaged or cannot be read, so it is taken for too many. Look at the board's disk"
      : `The new system was started ${limits.trialBoots} times without being proven healthy. Look at its logs for crashes`;
  return failure("restarts-too-often", "proving", `${what} before the next attempt.`);
}
