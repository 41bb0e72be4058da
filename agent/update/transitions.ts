import type { Failure } from "../contract/failure.ts";
import type { ActiveUpdate, Job, UpdateState } from "./job.ts";

/* The ways from one state of an update to another that both an event and a restart can take. Pure. */

/**
 * How often each step may be begun before the machine gives it up: every loop across restarts ends. To give up an
 * installation leaves the board as it was. To give up the way back leaves it on a system that was never proven, maybe out of
 * the hub's reach, and the next installation would be written over the system that still boots: so that comes last. `commits`
 * counts the starts of a new system, as `trialBoots` does, where it was proven in the end.
 */
export const limits = {
  downloads: 100,
  installs: 3,
  arms: 3,
  reboots: 5,
  trialBoots: 5,
  commits: 15,
  reverts: 10,
} as const;

export type Ended = "completed" | "failed" | "rolledBack" | "cancelled";
export type Of<Phase extends UpdateState["phase"]> = Extract<UpdateState, { phase: Phase }>;

export function enter<const Phase extends UpdateState["phase"]>(
  { job, times }: ActiveUpdate,
  phase: Phase,
  at: string,
): { phase: Phase; job: Job; times: ActiveUpdate["times"] } {
  return { phase, job, times: { ...times, [phase]: at } };
}

export function end<const Phase extends Ended>(
  { job, times }: ActiveUpdate,
  phase: Phase,
  at: string,
): { phase: Phase; job: Job; times: ActiveUpdate["times"] } {
  return { phase, job, times: { ...times, ended: at } };
}

export function goBack(
  state: Of<"applying" | "rebooting" | "proving">,
  error: Failure,
  at: string,
  restart: Of<"reverting">["restart"],
  fromBootId: string,
  lastly: Of<"reverting">["end"],
): UpdateState {
  const { image, before } = state;
  return {
    ...enter(state, "reverting", at),
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
export function goBackAgain(state: Of<"reverting">, fromBootId: string): UpdateState | undefined {
  if (state.attempt >= limits.reverts) return undefined;
  return { ...state, reverted: false, attempt: state.attempt + 1, fromBootId };
}

/**
 * Where the installer cannot go back, the boot loader may: a board that is restarted starts a system on trial no second time.
 * Not where the new system never ran: it may still be armed.
 */
export function leaveToBootLoader(state: Of<"reverting">, fromBootId: string): UpdateState | undefined {
  if (state.restart !== "board" || state.reverted || state.end !== "rolledBack") return undefined;
  return { ...state, reverted: true, fromBootId };
}

export function endReverted(state: Of<"reverting">, at: string): UpdateState {
  return { ...end(state, state.end, at), error: state.error };
}
