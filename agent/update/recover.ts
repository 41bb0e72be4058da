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

/** The state to continue from after a restart of the agent or the board. Total: any state, any facts. */
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
      if (facts.isOlderCopy) return failStateLost(state, at);
      return state.job.unresolved === true ? recoverSearch(state, at) : state;

    case "verifying":
    case "staged":
      return facts.isOlderCopy ? failStateLost(state, at) : state;

    case "downloading":
      if (facts.isOlderCopy) return failStateLost(state, at);
      if (state.attempt < attemptLimits.downloads) return { ...state, attempt: state.attempt + 1 };
      return {
        ...endJob(state, "failed", at),
        error: interruptedTooOften("downloading", `the download was interrupted ${attemptLimits.downloads} times`),
      };

    case "applying":
      if (state.installed !== null) return recoverArming(state, state.installed, facts);
      if (state.attempt < attemptLimits.installs) return { ...state, attempt: state.attempt + 1 };
      return {
        ...endJob(state, "failed", at),
        error: interruptedTooOften("applying", `the installer was interrupted ${attemptLimits.installs} times`),
      };

    case "rebooting":
      return recoverRebooting(state, facts);

    case "proving": {
      if (compareRunningVersion(state, facts) === "another") {
        return startRollback(state, fellBackFailure(state.job, state.restart), at, state.restart, bootId, "rolledBack");
      }
      // A passed health check holds for its own boot: what boots next may be the old system.
      const proven = state.proven && bootId === facts.savedBootId;
      // Nor for ever: a commit that ends the agent each time would block every other request.
      const isExhausted = facts.trialBoots > attemptLimits.commits && facts.trialBoots < unreadableCount;
      if (proven && isExhausted)
        return startRollback(state, notCommittedFailure(facts), at, state.restart, bootId, "rolledBack");
      if (proven || facts.trialBoots <= attemptLimits.trialBoots)
        return proven === state.proven ? state : { ...state, proven };
      return startRollback(state, restartedTooOften(facts), at, state.restart, bootId, "rolledBack");
    }

    case "reverting":
      if (state.reverted && bootId !== state.fromBootId && compareRunningVersion(state, facts) === "another")
        return finishRollback(state, at);
      // Only the agent restarted: the reboot into the old system is still to come.
      if (state.reverted && bootId === state.fromBootId) return state;
      return (
        retryRollback(state, bootId) ?? {
          ...endJob(state, "failed", at),
          error: interruptedTooOften("reverting", `the rollback was interrupted ${attemptLimits.reverts} times`),
        }
      );
  }
}

/** The search for the signed target begins anew, a bounded number of times: what it reads may be what ends the agent. */
function recoverSearch(state: InPhase<"accepted">, at: string): UpdateState {
  const { attempt = 1 } = state;
  if (attempt < attemptLimits.searches) return { ...state, attempt: attempt + 1 };
  const why = `the search for the signed image was interrupted ${attemptLimits.searches} times`;
  return { ...endJob(state, "failed", at), error: interruptedTooOften("accepted", why) };
}

/** The installer was interrupted while it switched: it is called again, a few times. */
function recoverArming(state: InPhase<"applying">, restart: RestartKind, { at, bootId }: RestartFacts): UpdateState {
  if (state.attempt < attemptLimits.arms) return { ...state, attempt: state.attempt + 1 };
  const error = interruptedTooOften("applying", `arming was interrupted ${attemptLimits.arms} times`);
  return startRollback(state, error, at, restart, bootId, "failed");
}

function recoverRebooting(state: InPhase<"rebooting">, facts: RestartFacts): UpdateState {
  const { at, bootId } = facts;
  const { image, before, armed } = state;
  const retryReboot = (interruption: string): UpdateState => {
    if (state.attempt < attemptLimits.reboots) return { ...state, attempt: state.attempt + 1, fromBootId: bootId };
    const error = interruptedTooOften("rebooting", `${interruption} ${attemptLimits.reboots} times`);
    return startRollback(state, error, at, "board", bootId, "failed");
  };
  // Only the agent restarted: arm, or reboot, again.
  if (bootId === state.fromBootId)
    return retryReboot("the agent was interrupted before the reboot into the new system");
  if (compareRunningVersion(state, facts) === "another") {
    if (armed) return startRollback(state, fellBackFailure(state.job, "board"), at, "board", bootId, "rolledBack");
    // The board went down before the new system was armed: it has not run.
    return retryReboot("the board went down before the new system could be armed");
  }
  if (facts.trialBoots > attemptLimits.trialBoots)
    return startRollback(state, restartedTooOften(facts), at, "board", bootId, "rolledBack");
  return { ...enterPhase(state, "proving", at), image, before, restart: "board", proven: false };
}

/** The update may have been cancelled since. The board is unchanged, so it can be requested again. */
function failStateLost(state: ActiveUpdate, at: string): UpdateState {
  const message =
    "The latest saved state cannot be read, so it is not known whether this update is still wanted. Check the board's disk, then request it again.";
  return { ...endJob(state, "failed", at), error: failure("state-lost", state.phase, message) };
}

/**
 * Which system runs. An unknown version proves nothing: the health check reads it again. A dry run changes no version, so
 * the restart itself is all that it can show.
 */
function compareRunningVersion(
  { job }: ActiveUpdate,
  { runningVersion }: RestartFacts,
): "wanted" | "another" | "unknown" {
  if (job.rehearsal || runningVersion === job.version) return "wanted";
  return runningVersion === null ? "unknown" : "another";
}

function interruptedTooOften(during: string, reason: string): Failure {
  return failure(
    "interrupted-too-often",
    during,
    `Gave up because ${reason}. Look for power cuts or crashes of the board, then request the update again.`,
  );
}

function fellBackFailure(job: Job, restart: RestartKind): Failure {
  if (restart !== "board")
    return failure(
      "fell-back",
      "proving",
      `The board no longer runs ${job.version}: it went back to what it had before, because ${job.version} did not prove itself in time. Test the image on a board at hand.`,
    );
  return failure(
    "fell-back",
    "rebooting",
    `The board restarted but does not run ${job.version}: the new system did not start, and the boot loader fell back to the old one. Test the image on a board at hand.`,
  );
}

function restartedTooOften({ trialBoots }: RestartFacts): Failure {
  const what =
    trialBoots >= unreadableCount
      ? "The boot counter is damaged or cannot be read, which counts as too many starts. Check the board's disk"
      : `The new system did not pass its health check within ${attemptLimits.trialBoots} starts of the agent. Look for crashes in its logs`;
  return failure("restarts-too-often", "proving", `${what} before the next attempt.`);
}

function notCommittedFailure({ trialBoots }: RestartFacts): Failure {
  return interruptedTooOften(
    "proving",
    `the agent started ${trialBoots} times without committing the new system, which had passed its health check`,
  );
}
