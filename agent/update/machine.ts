import { keepsPartial } from "../download/mirror-policy.ts";
import type { ActiveUpdate, Before, Image, Job, UpdateEvent, UpdateState } from "./job.ts";
import { end, endReverted, enter, goBack, goBackAgain, leaveToBootLoader, type Ended, type Of } from "./transitions.ts";

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
        const again = goBackAgain(state, event.bootId) ?? leaveToBootLoader(state, event.bootId);
        return again ?? { ...end(state, "failed", at), error: event.error };
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

/** The ends that a job can come to while nothing of the board has been changed. */
function endEarly(state: ActiveUpdate, event: UpdateEvent): UpdateState | undefined {
  if (event.type === "cancelled") return end(state, "cancelled", event.at);
  if (event.type === "failed") return { ...end(state, "failed", event.at), error: event.error };
  return undefined;
}
