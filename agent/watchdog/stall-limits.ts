import type { RebootAction } from "../reboot/machine.ts";
import type { Settings } from "../config/settings.ts";
import type { UpdateAction } from "../update/machine.ts";
import { longestResolveMs } from "../update/trust-gate.ts";
import type { RunningAction } from "../state/ports.ts";
import type { Activity } from "./stall-detector.ts";

/*
 * How long each activity of the agent may go without progress before it counts as stalled. Each limit is longer than the sum
 * of the time limits inside the activity: it catches a limit that fails, not an activity that is slow.
 */

/** What the watchdog knows of the agent. */
export interface ActivityFacts {
  readonly nowMs: number;
  /** Whether the saved state is recovered after the start. */
  readonly isRecovered: boolean;
  /** How many writes of the state and the boot counter have ended, well or badly, and whether one is running. */
  readonly writes: { readonly tries: number; readonly isSaving: boolean };
  /** `progressCount`: how often it has reported progress. */
  readonly update: (RunningAction<UpdateAction> & { readonly progressCount: number }) | undefined;
  readonly reboot: RunningAction<RebootAction> | undefined;
}

export type StallLimitSettings = Pick<
  Settings,
  | "maxImageBytes"
  | "downloadSilenceMs"
  | "commandTimeLimitMs"
  | "proveWithinMs"
  | "rebootDeadlineMs"
  | "simulationPauseMs"
>;

/** What a busy board may add to the time of any activity. */
const slackMs = 10 * 60_000;
/** One synced write, on a worn SD card that is busy with another. */
const savingMs = 5 * 60_000;
/** An aborted action ends by SIGTERM, 5 s and SIGKILL. */
const abortedActionMs = 5 * 60_000;
/**
 * Twelve reads of the running version with pauses of 5 s between, and three minutes for a connection. A read takes 30 s at
 * most, and through the install helper a minute more before and after.
 */
const runningVersionMs = 12 * (30_000 + 2 * 60_000 + 5_000) + 180_000;
/** The slowest disk worth waiting for: 1 MiB/s. */
const bytesPerMs = 1_048.576;

/** All current activities with their stall limits; empty when there is nothing to do. */
export function currentActivities(facts: ActivityFacts, limits: StallLimitSettings): Activity[] {
  const { isRecovered, writes, update, reboot, nowMs } = facts;
  const activities: Activity[] = [];
  // Each failed write is reported and retried: the agent waits for the disk, it has not stalled.
  const tries = String(writes.tries);
  if (writes.isSaving) activities.push({ name: "saving the state", progressMark: tries, stallLimitMs: savingMs });
  if (!isRecovered) activities.push({ name: "recovering the saved state", progressMark: tries, stallLimitMs: slackMs });
  if (update !== undefined) {
    const { action, isAborted, progressCount } = update;
    const { operationId, apply } = action.job;
    const progressMark = [action.kind, operationId, apply, isAborted, progressCount, tries].join(" ");
    activities.push({
      name: `update: ${action.kind}`,
      progressMark,
      stallLimitMs: isAborted ? abortedActionMs : updateStallLimitMs(action, limits),
    });
  }
  if (reboot !== undefined) {
    const { action, isAborted } = reboot;
    const isDue = action.kind !== "awaitDue" || action.dueBootMs <= nowMs;
    const progressMark = [action.kind, isDue, isAborted, tries].join(" ");
    const stallLimitMs = isAborted ? abortedActionMs : isDue ? rebootStallLimitMs(action, limits) : null;
    activities.push({ name: `reboot: ${action.kind}`, progressMark, stallLimitMs });
  }
  return activities;
}

function updateStallLimitMs(action: UpdateAction, limits: StallLimitSettings): number | null {
  const { job } = action;
  const programMs = limits.commandTimeLimitMs + slackMs;
  const largestMs = limits.maxImageBytes / bytesPerMs;
  const rehearsalMs = job.rehearsal ? limits.simulationPauseMs : 0;
  switch (action.kind) {
    case "resolve":
      return longestResolveMs + slackMs;
    case "reserveSpace":
      return rehearsalMs + slackMs;
    case "download":
      // What is on disk is digested once more before the first progress mark; from then on each minute of waiting gives one.
      return rehearsalMs + largestMs + limits.downloadSilenceMs + slackMs;
    case "checkAndStage":
      return rehearsalMs + largestMs + slackMs;
    case "awaitApplyAllowed":
      if (job.apply !== "now" || job.startBy !== undefined) return null; // For a window, for approval, or for the clock.
      return runningVersionMs + limits.rebootDeadlineMs + slackMs; // A reboot for another reason may go first.
    case "install":
      // Read once; where the install helper installs it, also sent, written and digested for each of its two calls.
      return rehearsalMs + (8 * action.image.sizeBytes) / bytesPerMs + 2 * programMs;
    case "arm":
      return programMs + slackMs;
    case "reboot":
      return limits.rebootDeadlineMs + slackMs;
    case "checkHealth":
      return runningVersionMs + limits.proveWithinMs + slackMs;
    case "commit":
      return 3 * programMs;
    case "revert":
      return 3 * programMs + runningVersionMs;
    case "cleanUp":
      return action.keepsPartial ? null : slackMs; // Bytes are kept for days.
  }
}

function rebootStallLimitMs(action: RebootAction, limits: StallLimitSettings): number | null {
  switch (action.kind) {
    case "awaitDue":
      return slackMs;
    case "awaitWindow":
    case "awaitUpdate":
      return null; // The update has stall limits of its own.
    case "reboot":
      return limits.rebootDeadlineMs + slackMs;
  }
}
