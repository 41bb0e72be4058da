import type { AgentRun } from "./agent-run.ts";
import { bootIdOf } from "./board-state.ts";
import { bootCounterOn, cachedKey, diskText, intern, savedOn } from "./disk-key.ts";
import type { Environment } from "./environment.ts";
import { abstractHub, abstractObservations, isReported, rebootDueInMs } from "./state-abstraction.ts";

/*
 * When two states are one: what decides the future is the same on disk, board and hub, in the observations, and in what the
 * agent may remember beyond its saved state. README.md gives the argument, state-abstraction.ts the reasons one by one.
 */

/** The key of everything outside the agent's memory. */
export function environmentKey({
  disk,
  board,
  hub,
  observations,
  quality,
  clock,
  bootMs,
  helper,
}: Environment): string {
  const { boots, ...machine } = board;
  const { firstSavedBoot, rebootSavedInBoot } = observations;
  const saved = savedOn(disk);
  return [
    cachedKey(disk, boots, () => diskText(disk, boots)),
    saved === undefined ? "" : rebootDueInMs(saved, bootIdOf(board), bootMs),
    bootCounterOn(disk),
    (saved?.seq ?? 0) < observations.seq, // A promised save is lost: the next run finds that out.
    cachedKey(board, 0, () => JSON.stringify(machine)),
    cachedKey(hub, 0, () => abstractHub(hub)),
    cachedKey(observations, 0, () => abstractObservations(observations)),
    firstSavedBoot !== null && firstSavedBoot < boots,
    rebootSavedInBoot !== null && rebootSavedInBoot < boots,
    quality,
    cachedKey(clock, 0, () => JSON.stringify(clock)),
    cachedKey(helper, 0, () => JSON.stringify(helper)),
  ].join(" ");
}

/**
 * The key of a run between two steps.
 * @param faultsLeft how many faults may still come; what takes more of them decides nothing
 */
export function runKey({ scheduler, hubDouble, memoryKey }: AgentRun, faultsLeft: number): string {
  const { environment, saved, pendingCalls, timer } = scheduler;
  return [
    environmentKey({ ...environment, bootMs: timer.nowMs }),
    intern(`${memoryKey} ${hubDouble.relevantLosses(faultsLeft)}`),
    hubDouble.isConnected && saved !== undefined && isReported(environment.hub, saved),
    intern(pendingCalls.labels.join("|")),
    // Deadlines that count from the boot are a little nearer in one run than in another: nothing here takes so long.
    timer.waitsMs.map((waitMs) => (waitMs > 60_000 ? `${Math.ceil(waitMs / 60_000)} min` : waitMs)).join(","),
  ].join(" ");
}
