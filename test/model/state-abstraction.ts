import type { Json, JsonObject } from "../../agent/contract/json.ts";
import { isPending } from "../../agent/reboot/machine.ts";
import type { AgentState } from "../../agent/operations/agent-state.ts";
import { attemptLimits } from "../../agent/update/machine.ts";
import { reportedAt, type HubState } from "./hub-state.ts";
import type { Observations } from "./observations.ts";

/*
 * What of a saved state, a twin and its people decides how it goes on. The rest is for readers: words, times as labels, how
 * often something was saved. Two moments that differ in nothing else have the same future.
 */

/** `payload`: what an operation was answered with is repeated, never read. `dueBootMs` counts as what is left of it. */
const irrelevantKeys = new Set([
  "acceptedAt",
  "clockSynchronized",
  "desiredVersion",
  "dueBootMs",
  "during",
  "message",
  "payload",
  "reason",
  "scheduledFor",
  "seq",
  "startedAt",
  "times",
]);

/** @param everyTryCounts where a system crashes by itself, it comes near to every limit without a fault */
export function abstractState(saved: AgentState, everyTryCounts: boolean, bootId?: string): string {
  const reboot = abstractReboot(saved, bootId);
  const update = everyTryCounts ? saved.update : abstractUpdate(saved.update);
  return JSON.stringify({ ...saved, reboot, update }, (key, value: Json) => {
    if (irrelevantKeys.has(key)) return undefined;
    return key === "at" && value !== null ? "known" : value;
  });
}

/** In another boot the reboot is proven, whatever it was: of one that was to come it is left who asked for it. */
function abstractReboot({ reboot, bootId: savedBootId }: AgentState, bootId: string | undefined): unknown {
  if (bootId !== undefined && savedBootId !== bootId) {
    return isPending(reboot) && "job" in reboot ? reboot.job : null;
  }
  // Of the one before it is left whether it is dated; of one that came to nothing, that it did: it may have been promised.
  const last = reboot.last && { at: reboot.last.at };
  if (isPending(reboot)) return { ...reboot, last };
  return { isRefused: reboot.phase === "failed" || reboot.phase === "cancelled", last };
}

/** How often a step was begun counts where it comes near to its limit, which no history of three faults does by most. */
function abstractUpdate(update: AgentState["update"]): unknown {
  switch (update.phase) {
    case "downloading":
      return { ...update, attempt: countedNearLimit(update.attempt, attemptLimits.downloads) };
    case "rebooting":
      return { ...update, attempt: countedNearLimit(update.attempt, attemptLimits.reboots) };
    case "reverting":
      return { ...update, attempt: countedNearLimit(update.attempt, attemptLimits.reverts) };
    default:
      return update;
  }
}

/** The same for the record of starts on trial. */
export function abstractBootCounter(record: string | undefined, everyTryCounts: boolean): string {
  const starts = Number(/\d+/.exec(record ?? "")?.[0] ?? 0);
  return String(everyTryCounts ? starts : countedNearLimit(starts, attemptLimits.trialBoots));
}

function countedNearLimit(times: number, limit: number): number | "some" {
  return times < limit - 1 ? "some" : times;
}

/** How long a reboot still has, to come or to be down for; empty when none is pending, or when it was in another boot. */
export function rebootDueInMs({ reboot }: AgentState, bootId: string, bootMs: number): string {
  const isHere = isPending(reboot) && "bootId" in reboot && reboot.bootId === bootId;
  return isHere && "dueBootMs" in reboot && reboot.dueBootMs !== undefined ? String(reboot.dueBootMs - bootMs) : "";
}

/** What people and cloud want of the board. Who has an answer asks no more; only a granted request has to be granted again. */
export function abstractHub({ desired, requests }: HubState): string {
  return JSON.stringify([
    desired,
    requests.flatMap(({ id, reply }): JsonObject[] => {
      const isCancel = id.startsWith("cancel");
      if (reply === null) return [{ open: isCancel ? "cancel" : id }];
      return isCancel ? [] : [{ answered: id, granted: reply.status === 200 }];
    }),
  ]);
}

/**
 * Whether the twin says what is on disk. What else it says decides nothing: after each report it holds the whole projection
 * of one saved state, which is looked at then (twin-witness.ts).
 */
export function isReported(hub: HubState, { update, reboot }: AgentState): boolean {
  const told = (...path: string[]): Json => reportedAt(hub, "boardkeeper", ...path) ?? null;
  return (
    told("update", "operationId") === ("job" in update ? update.job.operationId : null) &&
    told("update", "phase") === update.phase &&
    told("reboot", "phase") === reboot.phase &&
    told("reboot", "lastProven", "at") === (reboot.last?.at ?? null)
  );
}

/**
 * What the witness holds against the agent. Of a job that another one has taken the place of it is left that it is over: it
 * can only come back, whatever its end was. Whether the end of the last may be a bad one is for whoever compares (search.ts).
 */
export function abstractObservations({ jobs, jobOrder: order, rebootGranted: rebootPromised }: Observations): string {
  const last = order.at(-1);
  const held = Object.entries(jobs).map(([job, notes]) =>
    job === last || notes.end === null ? [job, notes] : [job, notes.cancelled],
  );
  return JSON.stringify([held, order, rebootPromised]);
}
