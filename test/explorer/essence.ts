import type { Json, JsonObject } from "../../agent/contract/json.ts";
import { isPending } from "../../agent/reboot/machine.ts";
import type { Saved } from "../../agent/saved.ts";
import { reportedAt, type HubState } from "./hub.ts";
import type { Ledger } from "./notes.ts";

/*
 * What of a saved state, a twin and its people decides how it goes on. The rest is for readers: words, times as labels, how
 * often something was saved. Two moments that differ in nothing else have the same future.
 */

/** `payload`: what an operation was answered with is repeated, never read. `dueBootMs` counts as what is left of it. */
const labels = new Set([
  "acceptedAt",
  "clockSynchronized",
  "desiredVersion",
  "dueBootMs",
  "message",
  "payload",
  "reason",
  "scheduledFor",
  "seq",
  "startedAt",
  "times",
]);

export function savedEssence(saved: Saved, bootId?: string): string {
  // In another boot the reboot is proven, whatever it was: of one that was to come it is left who asked for it.
  const { reboot: then, bootId: savedBootId } = saved;
  const reboot = bootId === undefined || savedBootId === bootId ? then : isPending(then) && "job" in then && then.job;
  return JSON.stringify({ ...saved, reboot }, (key, value: Json) => {
    if (labels.has(key)) return undefined;
    return key === "at" && value !== null ? "known" : value;
  });
}

/** How long a scheduled reboot still has; empty when none is, or when it was scheduled in another boot. */
export function dueIn({ reboot }: Saved, bootId: string, bootMs: number): string {
  return reboot.phase === "scheduled" && reboot.bootId === bootId ? String(reboot.dueBootMs - bootMs) : "";
}

/** What people and cloud want of the board. Who has an answer asks no more; only a granted request has to be granted again. */
export function wanted({ desired, requests }: HubState): string {
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
 * Whether the twin says what is on disk. What else it says decides nothing: after each report it holds the whole
 * projection, which is looked at when a history ends.
 */
export function isTold(hub: HubState, { update, reboot }: Saved): boolean {
  const told = (...path: string[]): Json => reportedAt(hub, "boardkeeper", ...path) ?? null;
  return (
    told("update", "operationId") === ("job" in update ? update.job.operationId : null) &&
    told("update", "phase") === update.phase &&
    told("reboot", "phase") === reboot.phase &&
    told("reboot", "lastProven", "at") === (reboot.last?.at ?? null)
  );
}

/**
 * What the witness holds against the agent. How far the twin is behind the disk decides nothing: a life begins to tell with
 * what is on disk, and what it has still to tell is part of its memory. Only what was told too early is held against it.
 */
export function heldAgainst({ jobs, order, toldOperation, rebootPromised, excused }: Ledger): string {
  const held = Object.entries(jobs).map(([job, { told, reached, ...notes }]) => [job, notes, told > reached]);
  const early = toldOperation !== null && !order.includes(toldOperation);
  return JSON.stringify([held, order, early, rebootPromised, excused]);
}
