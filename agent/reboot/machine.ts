import * as v from "valibot";
import { failure } from "../contract/failure.ts";
import type { RebootCause } from "../contract/snapshot.ts";
import { failureSchema, isoTimestamp, wholeNumber, shortText } from "../contract/check.ts";
import { operationId } from "../contract/methods.ts";

/** How late a reboot may start: the disk may fail for a moment, or the agent restart. */
export const maxLatenessMs = 60_000;

const rebootCause = v.picklist(["requested", "update", "other"]);

/** The last reboot that a changed boot id proved. `at` is null until the clock is synchronized. */
const lastReboot = v.object({
  fromBootId: shortText,
  bootId: shortText,
  cause: rebootCause,
  at: v.nullable(isoTimestamp),
  clockSynchronized: v.boolean(),
});

const request = v.object({
  operationId,
  reason: v.nullable(shortText),
  force: v.boolean(),
  acceptedAt: isoTimestamp,
  /** When it is due, as wall time for people; for a window, when that was expected to open, or did. */
  scheduledFor: isoTimestamp,
  /** Waits for a maintenance window instead of a time. */
  window: v.optional(v.boolean()),
});
export type RebootJob = Readonly<v.InferOutput<typeof request>>;

const history = { last: v.nullable(lastReboot) };

/**
 * A reboot, requested by a method or needed by an update. `bootId` is the boot in which the state was entered; the due time
 * is on that boot's clock, so a step of the wall clock cannot move it. An overdue reboot fails instead of coming late.
 */
export const rebootState = v.variant("phase", [
  v.object({ phase: v.literal("idle"), ...history }),
  v.object({ phase: v.literal("scheduled"), ...history, job: request, bootId: shortText, dueBootMs: wholeNumber }),
  /** Due, but an update is being applied: its reboot, or its end, comes first. */
  v.object({
    phase: v.literal("waiting"),
    ...history,
    job: request,
    bootId: shortText,
    /** Since when nothing blocks it. Absent while something does. */
    dueBootMs: v.optional(wholeNumber),
  }),
  v.object({
    phase: v.literal("rebooting"),
    ...history,
    job: v.nullable(request),
    cause: v.picklist(["requested", "update"]),
    bootId: shortText,
    startedAt: isoTimestamp,
    /** The deadline of the reboot. Absent in states of older releases. */
    dueBootMs: v.optional(wholeNumber),
  }),
  v.object({
    phase: v.literal("proven"),
    last: lastReboot,
    job: v.nullable(request),
    startedAt: v.nullable(isoTimestamp),
  }),
  v.object({ phase: v.literal("failed"), ...history, job: v.nullable(request), error: failureSchema }),
  v.object({ phase: v.literal("cancelled"), ...history, job: request }),
]);
export type RebootState = v.InferOutput<typeof rebootState>;

/** The part of the saved agent state that is about reboots. */
export interface RebootSlice {
  readonly reboot: RebootState;
}

export type RebootEvent =
  | { readonly type: "scheduled"; readonly job: RebootJob; readonly bootId: string; readonly dueBootMs: number }
  | {
      readonly type: "due";
      readonly blockedByUpdate: boolean;
      readonly bootId: string;
      readonly at: string;
      /** The deadline of the reboot. */
      readonly downBootMs: number;
    }
  /** The update being applied needs its reboot now; that fulfils a pending request as well. */
  | { readonly type: "neededByUpdate"; readonly bootId: string; readonly at: string; readonly downBootMs: number }
  | { readonly type: "cancelled" }
  /** Due, but an inhibitor is held on the board, and the request does not ignore it. */
  | { readonly type: "inhibited"; readonly message: string }
  /** Due, but the state could not be saved: a board that would not know why it went down must stay up. */
  | { readonly type: "stateNotSaved"; readonly message: string }
  | { readonly type: "rebootTimedOut"; readonly message: string }
  /** The time of a proven reboot is known. */
  | { readonly type: "timestamped"; readonly at: string; readonly clockSynchronized: boolean };

export type RebootAction =
  | { readonly kind: "awaitDue"; readonly dueBootMs: number }
  | { readonly kind: "awaitWindow" }
  | { readonly kind: "awaitUpdate"; readonly window: boolean }
  | { readonly kind: "reboot"; readonly cause: RebootCause };

/** The state after an event; undefined when the event is ignored. */
export function step(state: RebootState, event: RebootEvent): RebootState | undefined {
  switch (event.type) {
    case "scheduled": {
      if (isPending(state)) return undefined;
      const { job, bootId, dueBootMs } = event;
      return { phase: "scheduled", last: state.last, job, bootId, dueBootMs };
    }
    case "due": {
      if (state.phase !== "scheduled" && state.phase !== "waiting") return undefined;
      const { last } = state;
      const { bootId, at, downBootMs } = event;
      const job = state.job.window === true ? { ...state.job, scheduledFor: at } : state.job;
      if (!event.blockedByUpdate)
        return { phase: "rebooting", last, job, cause: "requested", bootId, startedAt: at, dueBootMs: downBootMs };
      return state.phase === "waiting" ? undefined : { phase: "waiting", last, job, bootId };
    }
    case "neededByUpdate": {
      const job = state.phase === "scheduled" || state.phase === "waiting" ? state.job : null;
      if (state.phase === "rebooting") return undefined;
      const { bootId, at, downBootMs } = event;
      return {
        phase: "rebooting",
        last: state.last,
        job,
        cause: "update",
        bootId,
        startedAt: at,
        dueBootMs: downBootMs,
      };
    }
    case "cancelled":
      if (state.phase !== "scheduled" && state.phase !== "waiting") return undefined;
      return { phase: "cancelled", last: state.last, job: state.job };
    case "inhibited":
      // Held when it was due, or taken before the reboot started.
      if (state.phase !== "scheduled" && state.phase !== "waiting" && state.phase !== "rebooting") return undefined;
      if (state.phase === "rebooting" && state.cause === "update") return undefined;
      return {
        phase: "failed",
        last: state.last,
        job: state.job,
        error: failure("inhibited", state.phase, event.message),
      };
    case "stateNotSaved":
      if (state.phase !== "scheduled" && state.phase !== "waiting") return undefined;
      return {
        phase: "failed",
        last: state.last,
        job: state.job,
        error: failure("state-not-saved", state.phase, event.message),
      };
    case "rebootTimedOut":
      if (state.phase !== "rebooting") return undefined;
      return {
        phase: "failed",
        last: state.last,
        job: state.job,
        error: failure("reboot-never-came", "rebooting", event.message),
      };
    case "timestamped": {
      if (state.last === null || state.last.at !== null) return undefined;
      const { at, clockSynchronized } = event;
      const last = { ...state.last, at, clockSynchronized };
      return { ...state, last };
    }
  }
}

/** The state after the end of an update that the reboot may have waited for. */
export function unblock(state: RebootState, nowBootMs: number): RebootState {
  return state.phase === "waiting" ? { ...state, dueBootMs: nowBootMs } : state;
}

/** What must be done in a state; undefined where the machine waits for a request. */
export function actionFor(state: RebootState): RebootAction | undefined {
  switch (state.phase) {
    case "scheduled":
      if (state.job.window === true) return { kind: "awaitWindow" };
      return { kind: "awaitDue", dueBootMs: state.dueBootMs };
    case "waiting":
      return { kind: "awaitUpdate", window: state.job.window === true };
    case "rebooting":
      return { kind: "reboot", cause: state.cause };
    case "idle":
    case "proven":
    case "failed":
    case "cancelled":
      return undefined;
  }
}

/** True while a reboot is requested or under way. */
export function isPending(state: RebootState): boolean {
  return state.phase === "scheduled" || state.phase === "waiting" || state.phase === "rebooting";
}
