import type { Failure } from "../contract/failure.ts";
import type { ActiveUpdate, Job, UpdateState } from "./job.ts";

/* The ways from one state of an update to another that both an event and a restart can take. Pure. */

/**
 * How often each step may be begun before the machine gives it up: every loop across restarts ends. To give up an
 * installation leaves the board as it was. To give up the way back leaves it on a system that was never proven, maybe out of
 * the hub's reach, and the next installation would be written over the system that still boots: so that comes last. `commits`
 * counts the starts of a new system, as `trialBoots` does, where it was proven in the end.
 */
export const attemptLimits = {
  downloads: 100,
  installs: 3,
  arms: 3,
  reboots: 5,
  trialBoots: 5,
  commits: 15,
  reverts: 10,
} as const;

export type EndPhase = "completed" | "failed" | "rolledBack" | "cancelled";
export type InPhase<Phase extends UpdateState["phase"]> = Extract<UpdateState, { phase: Phase }>;

export function enterPhase<const Phase extends UpdateState["phase"]>(
  { job, times }: ActiveUpdate,
  phase: Phase,
  at: string,
): { phase: Phase; job: Job; times: ActiveUpdate["times"] } {
  return { phase, job, times: { ...times, [phase]: at } };
}

export function endJob<const Phase extends EndPhase>(
  { job, times }: ActiveUpdate,
  phase: Phase,
  at: string,
): { phase: Phase; job: Job; times: ActiveUpdate["times"] } {
  return { phase, job, times: { ...times, ended: at } };
}

export function startRollback(
  state: InPhase<"applying" | "rebooting" | "proving">,
  error: Failure,
  at: string,
  restart: InPhase<"reverting">["restart"],
  fromBootId: string,
  lastly: InPhase<"reverting">["end"],
): UpdateState {
  const { image, before } = state;
  return {
    ...enterPhase(state, "reverting", at),
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

/** What did not go back the first time is begun anew, several times: a board that stays on a bad system may be lost. */
export function retryRollback(state: InPhase<"reverting">, fromBootId: string): UpdateState | undefined {
  if (state.attempt >= attemptLimits.reverts) return undefined;
  return { ...state, reverted: false, attempt: state.attempt + 1, fromBootId };
}

/**
 * Where the installer cannot go back, the boot loader may: a board that is restarted starts a system on trial no second time.
 * Not where the new system never ran: it may still be armed.
 */
export function rollbackByBootloader(state: InPhase<"reverting">, fromBootId: string): UpdateState | undefined {
  if (state.restart !== "board" || state.reverted || state.end !== "rolledBack") return undefined;
  return { ...state, reverted: true, fromBootId };
}

export function finishRollback(state: InPhase<"reverting">, at: string): UpdateState {
  return { ...endJob(state, state.end, at), error: state.error };
}
