import type { MethodReply } from "../../agent/contract/method-reply.ts";
import type { AgentState } from "../../agent/operations/agent-state.ts";
import { attemptLimits } from "../../agent/update/machine.ts";
import { bootIdOf, runningVersionOf } from "./board-state.ts";
import type { TrackedRequest } from "./hub-state.ts";
import {
  afterProcessEnd,
  noJobObservations,
  withoutPastActions,
  type JobObservations,
  must,
  Violation,
} from "./observations.ts";
import { checkDeclared, checkExpectedSave, forgetJob, isBegunAgain, mayBeginAgain } from "./documents.ts";
import { qualityIn, type Environment } from "./environment.ts";

/*
 * What must hold in every history, decided from disk, board and hub without the agent's memory. What the twin may say is
 * in twin-checker.ts.
 */

const ends = new Set(["completed", "failed", "rolledBack", "cancelled"]);
const order = [
  "idle",
  "accepted",
  "downloading",
  "verifying",
  "staged",
  "applying",
  "rebooting",
  "proving",
  "reverting",
];

function rank(phase: string): number {
  return ends.has(phase) ? order.length : order.indexOf(phase);
}

function observedOf(environment: Environment, job: string): JobObservations {
  return environment.observations.jobs[job] ?? noJobObservations;
}

function withObserved(environment: Environment, job: string, notes: Partial<JobObservations>): Environment {
  const jobs = { ...environment.observations.jobs, [job]: { ...observedOf(environment, job), ...notes } };
  return { ...environment, observations: { ...environment.observations, jobs } };
}

/** A run of the agent begins with the state that it has read. */
export function observeStart(
  environment: Environment,
  loaded: AgentState | undefined,
  problems: readonly string[],
): Environment {
  must(problems.length === 0, `The saved state was found damaged: ${problems.join("; ")}`);
  const seq = loaded?.seq ?? 0;
  must(
    seq >= environment.observations.seq,
    `Save ${environment.observations.seq} was promised to be on disk; ${seq} was found.`,
  );
  const begun = { ...environment, observations: afterProcessEnd(environment.observations) };
  return loaded === undefined ? begun : observeSave(begun, loaded);
}

/** What the clock allows: an update begins while its time has not passed, as far as a clock that is set can tell. */
export function checkLease(environment: Environment, { update }: AgentState): void {
  if (!("job" in update)) return;
  const { clock } = environment;
  const { operationId } = update.job;
  const { reached, end } = observedOf(environment, operationId);
  if (update.phase === "applying" && reached < rank("applying")) {
    must(clock.isSet, `${operationId} was begun while nothing had set the clock.`);
    must(!clock.isLeaseExpired, `${operationId} was begun after its time to begin had passed.`);
  }
  if (update.phase === "cancelled" && end === null && update.error?.code === "lease-expired") {
    must(clock.isSet && clock.isTooLate, `${operationId} was cancelled before its time to begin had passed.`);
  }
}

/** A state is on disk, promised to stay. */
export function observeSave(environment: Environment, saved: AgentState): Environment {
  const { update, seq, reboot } = saved;
  const firstSavedBoot = environment.observations.firstSavedBoot ?? environment.board.boots;
  const isScheduled = reboot.phase === "scheduled";
  const rebootSavedInBoot =
    environment.observations.rebootSavedInBoot ?? (isScheduled ? Number(reboot.bootId.slice(5)) : null);
  checkExpectedSave(environment.observations.expectedSave, saved);
  const kept = {
    ...environment,
    observations: { ...environment.observations, seq, firstSavedBoot, rebootSavedInBoot, expectedSave: null },
  };
  if (reboot.last !== null) {
    const { fromBootId, bootId } = reboot.last;
    must(fromBootId !== bootId, `A reboot was noted without another boot id (${bootId}).`);
    must(Number(bootId.slice(5)) <= environment.board.boots, "A reboot was noted that did not happen.");
  }
  if (!("job" in update)) {
    must(kept.observations.jobOrder.length === 0, "A job was forgotten.");
    return kept;
  }
  const { operationId, uri } = update.job;
  const next = isBegunAgain(saved, kept.observations) ? forgetJob(kept, operationId) : kept;
  const before = observedOf(next, operationId);
  const known = next.observations.jobOrder.includes(operationId);
  must(
    !known || next.observations.jobOrder.at(-1) === operationId,
    `The job ${operationId} came back after another one.`,
  );
  must(!before.cancelled || update.phase === "cancelled", `${operationId} was cancelled, and is now ${update.phase}.`);
  must(
    before.end === null || before.end === update.phase,
    `${operationId} had ended as ${before.end}, and is now ${update.phase}.`,
  );
  const jobs = known ? next.observations.jobOrder : [...next.observations.jobOrder, operationId];
  const previous = jobs.at(-2);
  must(
    known || previous === undefined || observedOf(next, previous).end !== null,
    `${operationId} was begun before ${previous} had ended.`,
  );
  const reached = rank(update.phase);
  must(reached >= before.reached, `${operationId} went back to ${update.phase} on disk.`);
  if (update.phase === "completed" && before.end === null) mustBeProven(environment, saved);
  if (update.phase === "cancelled" && before.end === null) mustBeAsBefore(environment, saved);
  const { hasReadWithdrawal } = next.observations;
  const again = mayBeginAgain(update);
  const isWithdrawn = update.phase === "cancelled" && update.error?.code === "withdrawn";
  must(!isWithdrawn || hasReadWithdrawal, `${operationId} was cancelled as withdrawn, and is still declared.`);
  const isNew = !known && { hasReadWithdrawal: false };
  const withOrder = { ...next, observations: { ...next.observations, jobOrder: jobs, ...isNew } };
  const end = ends.has(update.phase) ? update.phase : null;
  // At another address a download begins anew.
  const past = [...pastActions(update), ...(before.uri === uri ? [] : ["fetch"])];
  const notes = { ...before, reached, end, uri, mayBeginAgain: again };
  return withObserved(withOrder, operationId, withoutPastActions(notes, past));
}

/** Actions that can no longer happen: this phase forbids them, and no phase comes back. */
function pastActions(update: AgentState["update"]): string[] {
  const reached = rank(update.phase);
  const isInstalled = update.phase === "applying" && update.installed !== null;
  return [
    ...(reached > rank("downloading") ? ["fetch"] : []),
    ...(reached > rank("applying") || isInstalled ? ["install"] : []),
    ...(reached > rank("rebooting") ? ["arm"] : []),
  ];
}

function mustBeProven({ board }: Environment, saved: AgentState): void {
  const { update } = saved;
  if (!("job" in update)) return;
  const { version, rehearsal } = update.job;
  if (rehearsal) return must(saved.lastProven === null, "A rehearsal was noted as proven.");
  const running = runningVersionOf(board);
  must(running === version, `Completed at ${version}, but the board runs ${running}.`);
  must(board.default === board.running, `Completed at ${version}, but the next boot will not start it.`);
}

/** A cancelled update was never armed: what it was to install neither runs nor starts next. */
function mustBeAsBefore({ board }: Environment, { update }: AgentState): void {
  if (!("job" in update)) return;
  const { operationId, version } = update.job;
  must(board.trial === null, `${operationId} was cancelled, and a slot is on trial.`);
  must(board.slots[board.default] !== version, `${operationId} was cancelled, and ${version} boots by default.`);
  must(runningVersionOf(board) !== version, `${operationId} was cancelled, and ${version} runs.`);
}

/** An action on the board begins. `known` are the saved states that a power cut now would leave. */
export function observeAction(
  environment: Environment,
  act: string,
  job: string,
  known: readonly AgentState[],
): Environment {
  const notes = observedOf(environment, job);
  must(notes.end === null, `${act} for ${job}, which has ended (${notes.end}).`);
  must(!notes.cancelled, `${act} for ${job}, which was cancelled.`);
  must(!notes.begunInThisRun.includes(act), `${act} for ${job} twice in one run.`);
  const begun = (notes.begun[act] ?? 0) + 1;
  for (const saved of known) mustBeIntended(act, job, begun, saved);
  const running = runningVersionOf(environment.board) ?? "";
  const quality = qualityIn(environment)(running);
  must(act !== "commit" || quality === "good", `${running} is committed, and is ${quality}.`);
  const isCounted = act === "fetch" || act === "install";
  const isOnce = act !== "commit" && act !== "revert"; // These two are tried again in one run.
  return withObserved(environment, job, {
    begun: isCounted ? { ...notes.begun, [act]: begun } : notes.begun,
    boardChanged: notes.boardChanged || act === "install",
    begunInThisRun: isOnce ? [...notes.begunInThisRun, act].sort() : notes.begunInThisRun,
  });
}

/** Whatever a power cut now would leave says that this action was about to be done, and counts it. */
function mustBeIntended(act: string, job: string, begun: number, { update }: AgentState): void {
  const here = "job" in update && update.job.operationId === job ? update : undefined;
  const phase = here?.phase ?? "nothing";
  switch (act) {
    case "fetch":
      return must(here?.phase === "downloading" && here.attempt >= begun, `A fetch not saved first (${phase}).`);
    case "install": {
      const intended = here?.phase === "applying" && here.installed === null && here.attempt >= begun;
      must(intended && begun <= attemptLimits.installs, `Installation ${begun} was not saved first (${phase}).`);
      return;
    }
    case "arm": {
      const ready = (here?.phase === "applying" && here.installed !== null) || here?.phase === "rebooting";
      return must(ready, `Arming was not saved first (${phase}).`);
    }
    case "commit":
      return must(here?.phase === "proving" && here.proven, `A commit was not saved first (${phase}).`);
    case "revert":
      return must(here?.phase === "reverting", `Going back was not saved first (${phase}).`);
  }
}

/** The board is ordered to reboot. */
export function observeRebootOrder(known: readonly AgentState[]): void {
  for (const { reboot } of known) must(reboot.phase === "rebooting", `A reboot not saved first (${reboot.phase}).`);
}

/** A request was answered. */
export function observeAnswer(
  environment: Environment,
  { method, payload, reply: first }: TrackedRequest,
  reply: MethodReply,
): Environment {
  const { status, payload: answer } = reply;
  if (first?.status === 200 && typeof payload["operationId"] === "string") {
    must(first.status === status, `${method} was answered with ${first.status}, and repeated with ${status}.`);
  }
  if (status !== 200 || typeof answer["operationId"] !== "string") return environment;
  const job = answer["operationId"];
  switch (method) {
    case "firmwareUpdate":
      return withObserved(
        environment,
        job,
        withoutPastActions({ ...observedOf(environment, job), promised: true }, []),
      );
    case "cancelFirmwareUpdate":
      return withObserved(
        environment,
        job,
        withoutPastActions({ ...observedOf(environment, job), cancelled: true }, []),
      );
    case "rebootDevice": {
      return { ...environment, observations: { ...environment.observations, rebootGranted: true } };
    }
    default:
      return environment;
  }
}

/** At every moment: whatever happens next, a good system boots. */
export function checkBoard(environment: Environment): void {
  const { board } = environment;
  const bootable = board.slots[board.default];
  must(bootable !== null, "The slot that boots by default is empty.");
  must(qualityIn(environment)(bootable) !== "unbootable", `${bootable} boots by default, and does not come up.`);
  must(board.trial === null || board.slots[board.trial] !== null, "A slot is on trial that is half-written.");
}

/** Checks the end of a history: nothing is left to do, and nothing more will happen. */
export function checkEnd(environment: Environment, saved: AgentState | undefined, faults: number): void {
  if (saved === undefined) throw new Violation("Nothing was ever saved.");
  const { observations, board } = environment;
  for (const [job, { promised, end, cancelled }] of Object.entries(observations.jobs)) {
    must(end !== null || !promised, `${job} was promised and never came to an end.`);
    must(!cancelled || end === "cancelled", `${job} was cancelled and ended as ${end}.`);
  }
  for (const job of observations.jobOrder.slice(0, -1)) {
    must(observations.jobs[job]?.end !== null, `${job} never came to an end.`);
  }
  const { update, reboot } = saved;
  const running = runningVersionOf(board);
  checkDeclared(environment, saved);
  const isOffline = running !== null && qualityIn(environment)(running) === "offline";
  must(!isOffline, "The board was left on a system that cannot reach the hub.");
  if (observations.firstSavedBoot !== null && board.boots > observations.firstSavedBoot) {
    must(reboot.last?.bootId === bootIdOf(board), "The last reboot is not noted.");
    must(reboot.last.at !== null, "It is not noted when the last reboot was.");
  }
  if (observations.rebootGranted) {
    const happened = observations.rebootSavedInBoot !== null && board.boots > observations.rebootSavedInBoot;
    must(happened || reboot.phase === "failed" || reboot.phase === "cancelled", "A reboot was promised and forgotten.");
  }
  const last = observations.jobOrder.at(-1);
  if (last !== undefined && !observations.badEndExcused) {
    const end = observations.jobs[last]?.end;
    const version = "job" in update ? update.job.version : "";
    const aim = environment.clock.isTooLate ? "cancelled" : "completed";
    const expected = environment.quality === null || qualityIn(environment)(version) === "good" ? aim : "rolledBack";
    const worn = ["interrupted-too-often", "state-not-saved", "not-proven"];
    const tooOften = "error" in update && worn.includes(update.error?.code ?? "") && faults >= attemptLimits.installs;
    must(end === expected || tooOften, `${last} ended as ${end}: ${JSON.stringify("error" in update && update.error)}`);
  }
}
