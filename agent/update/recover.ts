import { failure, type Failure } from "../contract/failure.ts";
import {
  unreadableCount,
  type ActiveUpdate,
  type Job,
  type RestartKind,
  type RestartFacts,
  type UpdateState,
} from "./job.ts";
import {
  endJob,
  finishRollback,
  enterPhase,
  startRollback,
  retryRollback,
  attemptLimits,
  type InPhase,
} from "./machine.ts";

/** The state to go on from after a restart of the agent, with or without the board. Total: any state, any facts. */
export function recoverUpdate(state: UpdateState, facts: RestartFacts): UpdateState {
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
      return facts.isOlderCopy ? failStateLost(state, at) : state;

    case "downloading":
      if (facts.isOlderCopy) return failStateLost(state, at);
      if (state.attempt < attemptLimits.downloads) return { ...state, attempt: state.attempt + 1 };
      return {
        ...endJob(state, "failed", at),
        error: interruptedTooOften("downloading", `the download was cut off ${attemptLimits.downloads} times`),
      };

    case "applying":
      if (state.installed !== null) return recoverArming(state, state.installed, facts);
      if (state.attempt < attemptLimits.installs) return { ...state, attempt: state.attempt + 1 };
      return {
        ...endJob(state, "failed", at),
        error: interruptedTooOften("applying", `the installer was cut off ${attemptLimits.installs} times`),
      };

    case "rebooting":
      return recoverRebooting(state, facts);

    case "proving": {
      if (compareRunningVersion(state, facts) === "another") {
        return startRollback(state, fellBackFailure(state.job), at, state.restart, bootId, "rolledBack");
      }
      // A proof holds for the boot in which it was given: what boots next may be the old system again.
      const proven = state.proven && bootId === facts.savedBootId;
      // Nor for ever: a commit that ends the agent each time would keep every other request away from the board.
      const isWorn = facts.trialBoots > attemptLimits.commits && facts.trialBoots < unreadableCount;
      if (proven && isWorn)
        return startRollback(state, notCommittedFailure(facts), at, state.restart, bootId, "rolledBack");
      if (proven || facts.trialBoots <= attemptLimits.trialBoots)
        return proven === state.proven ? state : { ...state, proven };
      return startRollback(state, restartedTooOften(facts), at, state.restart, bootId, "rolledBack");
    }

    case "reverting":
      if (state.reverted && bootId !== state.fromBootId && compareRunningVersion(state, facts) === "another")
        return finishRollback(state, at);
      // Only the agent was restarted: the reboot into the old system is still to come.
      if (state.reverted && bootId === state.fromBootId) return state;
      return (
        retryRollback(state, bootId) ?? {
          ...endJob(state, "failed", at),
          error: interruptedTooOften("reverting", `going back was cut off ${attemptLimits.reverts} times`),
        }
      );
  }
}

/** The service restarts under an installer that was cut off: it is told again, a few times. */
function recoverArming(state: InPhase<"applying">, restart: RestartKind, { at, bootId }: RestartFacts): UpdateState {
  if (state.attempt < attemptLimits.arms) return { ...state, attempt: state.attempt + 1 };
  const error = interruptedTooOften("applying", `switching over was cut off ${attemptLimits.arms} times`);
  return startRollback(state, error, at, restart, bootId, "failed");
}

function recoverRebooting(state: InPhase<"rebooting">, facts: RestartFacts): UpdateState {
  const { at, bootId } = facts;
  const { image, before, armed } = state;
  const again = (cutOff: string): UpdateState => {
    if (state.attempt < attemptLimits.reboots) return { ...state, attempt: state.attempt + 1, fromBootId: bootId };
    const error = interruptedTooOften("rebooting", `${cutOff} ${attemptLimits.reboots} times`);
    return startRollback(state, error, at, "board", bootId, "failed");
  };
  // Only the agent was restarted: arm, or ask for the reboot, again.
  if (bootId === state.fromBootId) return again("the agent was cut off on the way into the new system");
  if (compareRunningVersion(state, facts) === "another") {
    if (armed) return startRollback(state, fellBackFailure(state.job), at, "board", bootId, "rolledBack");
    // The board went down before the new system was armed: nothing was tried yet.
    return again("the board went down before the new system could be armed");
  }
  if (facts.trialBoots > attemptLimits.trialBoots)
    return startRollback(state, restartedTooOften(facts), at, "board", bootId, "rolledBack");
  return { ...enterPhase(state, "proving", at), image, before, restart: "board", proven: false };
}

/** It may have been cancelled since. Nothing of the board has been changed yet, so it can be asked for again. */
function failStateLost(state: ActiveUpdate, at: string): UpdateState {
  const message =
    "What was saved last cannot be read, so it is not known whether this update was still wanted. Look at the board's disk, then ask for it again.";
  return { ...endJob(state, "failed", at), error: failure("state-lost", state.phase, message) };
}

/**
 * Which system runs. Unknown is no evidence of either: the proof asks again, and takes its time. A rehearsal changes no
 * version: for it, having come through the restart is all that there is to see.
 */
function compareRunningVersion(
  { job }: ActiveUpdate,
  { runningVersion }: RestartFacts,
): "wanted" | "another" | "unknown" {
  if (job.rehearsal || runningVersion === job.version) return "wanted";
  return runningVersion === null ? "unknown" : "another";
}

function interruptedTooOften(during: string, what: string): Failure {
  return failure(
    "interrupted-too-often",
    during,
    `Gave up because ${what}. Look for power cuts or crashes of the board, then ask for the update again.`,
  );
}

function fellBackFailure(job: Job): Failure {
  return failure(
    "fell-back",
    "rebooting",
    `The board restarted but does not run ${job.version}: the new system did not come up, and the boot loader went back to the old one. Try the image on a board at hand.`,
  );
}

function restartedTooOften({ trialBoots }: RestartFacts): Failure {
  const what =
    trialBoots >= unreadableCount
      ? "The count of the new system's starts is damaged or cannot be read, so it is taken for too many. Look at the board's disk"
      : `The new system was started ${attemptLimits.trialBoots} times without being proven healthy. Look at its logs for crashes`;
  return failure("restarts-too-often", "proving", `${what} before the next attempt.`);
}

function notCommittedFailure({ trialBoots }: RestartFacts): Failure {
  return interruptedTooOften(
    "proving",
    `the agent was started ${trialBoots} times before the new system, proven, was made the default`,
  );
}
