import type { Json, JsonObject } from "../../agent/contract/json.ts";
import { isPending } from "../../agent/reboot/machine.ts";
import type { AgentState } from "../../agent/operations/agent-state.ts";
import { attemptLimits } from "../../agent/update/machine.ts";
import { reportedAt, type HubState } from "./hub-state.ts";
import type { Observations } from "./observations.ts";

/*
 * What of a saved state, a twin and its callers decides the future. The rest is for readers: texts, times as labels, how
 * often something was saved. States that differ in nothing else have the same future (README.md).
 */

/** `payload`: an answer is repeated, never read. `dueBootMs`: rebootDueInMs says how much of it is left. */
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

/** @param everyTryCounts true where a system crashes by itself, and so comes near to every limit without a fault */
export function abstractState(saved: AgentState, everyTryCounts: boolean, bootId?: string): string {
  const reboot = abstractReboot(saved, bootId);
  const update = everyTryCounts ? saved.update : abstractUpdate(saved.update);
  return JSON.stringify({ ...saved, reboot, update }, (key, value: Json) => {
    if (irrelevantKeys.has(key)) return undefined;
    return key === "at" && value !== null ? "known" : value;
  });
}

/** In another boot the reboot has happened, whatever its phase: of a pending one only the job is left. */
function abstractReboot({ reboot, bootId: savedBootId }: AgentState, bootId: string | undefined): unknown {
  if (bootId !== undefined && savedBootId !== bootId) {
    return isPending(reboot) && "job" in reboot ? reboot.job : null;
  }
  // Of the reboot before only whether it has a time; of one that failed or was cancelled, that it did: it may be promised.
  const last = reboot.last && { at: reboot.last.at };
  if (isPending(reboot)) return { ...reboot, last };
  return { isRefused: reboot.phase === "failed" || reboot.phase === "cancelled", last };
}

/** A counter matters when it comes near to its limit, which three faults cannot bring about from further away. */
function abstractUpdate(update: AgentState["update"]): unknown {
  switch (update.phase) {
    case "accepted":
      return { ...update, attempt: countedNearLimit(update.attempt ?? 1, attemptLimits.searches) };
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

/** The same for the boot counter. */
export function abstractBootCounter(record: string | undefined, everyTryCounts: boolean): string {
  const starts = Number(/\d+/.exec(record ?? "")?.[0] ?? 0);
  return String(everyTryCounts ? starts : countedNearLimit(starts, attemptLimits.trialBoots));
}

function countedNearLimit(times: number, limit: number): number | "some" {
  return times < limit - 1 ? "some" : times;
}

/** In how many ms a reboot is due, or its deadline ends; empty when none is pending, or when it was in another boot. */
export function rebootDueInMs({ reboot }: AgentState, bootId: string, bootMs: number): string {
  const isHere = isPending(reboot) && "bootId" in reboot && reboot.bootId === bootId;
  return isHere && "dueBootMs" in reboot && reboot.dueBootMs !== undefined ? String(reboot.dueBootMs - bootMs) : "";
}

/** What callers and cloud want of the board. Who has an answer calls no more; of answers only the status matters. */
export function abstractHub({ desired, requests, twinChange }: HubState): string {
  return JSON.stringify([
    desired,
    twinChange,
    requests.flatMap(({ id, reply }): JsonObject[] => {
      const isCancel = id.startsWith("cancel");
      if (reply === null) return [{ open: isCancel ? "cancel" : id }];
      return isCancel ? [] : [{ answered: id, granted: reply.status === 200 }];
    }),
  ]);
}

/**
 * Whether the twin says what is on disk. What else it says decides nothing: after each report it holds all of one saved
 * state, which twin-checker.ts checks then.
 */
export function isReported(hub: HubState, { update, reboot }: AgentState): boolean {
  const reported = (...path: string[]): Json => reportedAt(hub, "boardkeeper", ...path) ?? null;
  return (
    reported("update", "operationId") === ("job" in update ? update.job.operationId : null) &&
    reported("update", "phase") === update.phase &&
    reported("reboot", "phase") === reboot.phase &&
    reported("reboot", "lastProven", "at") === (reboot.last?.at ?? null)
  );
}

/**
 * What the invariants hold against the agent. Of a job that was replaced it is left that it is over: it must not come back,
 * whatever its end was. Whether the last job may end badly is compared in explore.ts.
 */
export function abstractObservations(observations: Observations): string {
  const { jobs, jobOrder: order, rebootGranted: rebootPromised, expectedSave, hasReadWithdrawal } = observations;
  const last = order.at(-1);
  const held = Object.entries(jobs).map(([job, notes]) =>
    job === last || notes.end === null ? [job, notes] : [job, notes.cancelled],
  );
  return JSON.stringify([held, order, rebootPromised, expectedSave, hasReadWithdrawal]);
}
