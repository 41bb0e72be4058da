import type { RebootDuty } from "../reboot/machine.ts";
import type { Settings } from "../config/settings.ts";
import type { Duty } from "../update/machine.ts";
import type { Work } from "./stall-detector.ts";

/*
 * How long each piece of the agent's work may go without moving before it counts as stuck. Each bound is longer than the sum of
 * the time limits inside it: it is for the limit that does not work, not for the work that is slow.
 */

/** What is under way in one of the runners. */
interface UnderWay<D> {
  readonly action: D;
  /** True when it was told to stop, because the state demands something else by now. */
  readonly isEnding: boolean;
}

/** The agent as far as a watchdog has to know it. */
export interface Facts {
  readonly nowMs: number;
  /** Whether the saved state is taken up after the start. */
  readonly isRecovered: boolean;
  /** How many writes of state and count of starts have come to an end, well or badly; and whether one is under way. */
  readonly writes: { readonly tries: number; readonly isSaving: boolean };
  /** `signs` counts how often it told of progress. */
  readonly update: (UnderWay<Duty> & { readonly signs: number }) | undefined;
  readonly reboot: UnderWay<RebootDuty> | undefined;
}

export type BoundTerms = Pick<
  Settings,
  | "maxImageBytes"
  | "downloadSilenceMs"
  | "commandTimeLimitMs"
  | "proveWithinMs"
  | "rebootDeadlineMs"
  | "simulationPauseMs"
>;

/** What a busy board may add to anything. */
const slackMs = 10 * 60_000;
/** A write that is synced to the disk, on a worn SD card that is busy with another. */
const savingMs = 5 * 60_000;
/** Whoever is told to stop has SIGTERM, five seconds and SIGKILL for that. */
const endingMs = 5 * 60_000;
/**
 * Twelve looks at the running version with pauses of 5 s between, and three minutes for the link. A look takes 30 s at most,
 * and behind root's door a minute more before and after.
 */
const lookingMs = 12 * (30_000 + 2 * 60_000 + 5_000) + 180_000;
/** The slowest disk that is worth waiting for: 1 MiB in a second. */
const bytesPerMs = 1_048.576;

/** All that is under way, with its bounds. Nothing to do is no work, and never stuck. */
export function workUnderWay(facts: Facts, terms: BoundTerms): Work[] {
  const { isRecovered, writes, update, reboot, nowMs } = facts;
  const works: Work[] = [];
  // Each refusal of the disk is told and tried again: that is waiting for a disk, not standing still.
  const tries = String(writes.tries);
  if (writes.isSaving) works.push({ name: "saving the state", sign: tries, boundMs: savingMs });
  if (!isRecovered) works.push({ name: "taking up the saved state", sign: tries, boundMs: slackMs });
  if (update !== undefined) {
    const { action, isEnding, signs } = update;
    const { operationId, apply } = action.job;
    const sign = [action.kind, operationId, apply, isEnding, signs, tries].join(" ");
    works.push({ name: `update: ${action.kind}`, sign, boundMs: isEnding ? endingMs : boundOfUpdate(action, terms) });
  }
  if (reboot !== undefined) {
    const { action, isEnding } = reboot;
    const isDue = action.kind !== "awaitDue" || action.dueBootMs <= nowMs;
    const sign = [action.kind, isDue, isEnding, tries].join(" ");
    const boundMs = isEnding ? endingMs : isDue ? boundOfReboot(action, terms) : null;
    works.push({ name: `reboot: ${action.kind}`, sign, boundMs });
  }
  return works;
}

function boundOfUpdate(action: Duty, terms: BoundTerms): number | null {
  const { job } = action;
  const programMs = terms.commandTimeLimitMs + slackMs;
  const largestMs = terms.maxImageBytes / bytesPerMs;
  const rehearsalMs = job.rehearsal ? terms.simulationPauseMs : 0;
  switch (action.kind) {
    case "admit":
      return rehearsalMs + slackMs;
    case "fetch":
      // What is on disk is digested once more before the first sign; from then on each minute of waiting gives one.
      return rehearsalMs + largestMs + terms.downloadSilenceMs + slackMs;
    case "verify":
      return rehearsalMs + largestMs + slackMs;
    case "awaitRelease":
      if (job.apply !== "now") return null; // For a window or an order.
      return lookingMs + terms.rebootDeadlineMs + slackMs; // A reboot for another reason may go first.
    case "install":
      // Read once, and where root's door installs it, for each of its two calls sent, written and digested.
      return rehearsalMs + (8 * action.image.sizeBytes) / bytesPerMs + 2 * programMs;
    case "arm":
      return programMs + slackMs;
    case "reboot":
      return terms.rebootDeadlineMs + slackMs;
    case "prove":
      return lookingMs + terms.proveWithinMs + slackMs;
    case "commit":
      return 3 * programMs;
    case "revert":
      return 3 * programMs + lookingMs;
    case "tidy":
      return action.keepsPartial ? null : slackMs; // Bytes are kept for days.
  }
}

function boundOfReboot(action: RebootDuty, terms: BoundTerms): number | null {
  switch (action.kind) {
    case "awaitDue":
      return slackMs;
    case "awaitWindow":
    case "awaitUpdate":
      return null; // The update has bounds of its own.
    case "reboot":
      return terms.rebootDeadlineMs + slackMs;
  }
}
