import { delayOrAbort } from "../lib/abort.ts";
import { timestamp, type BootClock, type Timer, type WallClock } from "../lib/clock.ts";
import { describeDiskError, diskRetry } from "../lib/disk-errors.ts";
import type { Journal } from "../state/store.ts";
import type { Log } from "../lib/log.ts";
import type { Problems } from "../alerts.ts";
import { resume as resumeReboot } from "../reboot/machine.ts";
import type { Trust } from "./agent-state.ts";
import { resume as resumeUpdate } from "../update/recover.ts";
import { uncounted, type UpdateState } from "../update/job.ts";
import type { TrialRecord } from "../update/ports.ts";
import { backoff } from "../lib/backoff.ts";

/** How often a count that cannot be read is looked at: a card that has just been powered may need a moment. */
const looks = 3;

export interface WakePorts {
  readonly journal: Journal;
  readonly trials: TrialRecord;
  readonly clock: WallClock;
  readonly bootClock: BootClock;
  readonly timer: Timer;
  readonly problems: Problems;
  readonly log: Log;
}

export interface WakeFacts {
  readonly bootId: string;
  readonly runningVersion: string | null;
  /** How the saved state was found. */
  readonly trust: Trust;
}

/**
 * Takes the saved state up after any restart of the agent or the board: counts a start on trial first, then lets both
 * machines say where to go on from, and saves that before anything is done. A disk that refuses is asked for as long as
 * it takes, ever more seldom: nothing may be done on a state that was not taken up.
 */
export async function wake(
  ports: WakePorts,
  { bootId, runningVersion, trust }: WakeFacts,
  signal: AbortSignal,
): Promise<void> {
  const { journal, clock, bootClock, log } = ports;
  const savedBootId = journal.saved.bootId;
  const trialBoots = isOnTrial(journal.saved.update) ? await countTrial(ports, signal) : 0;
  await journal.record(({ update, reboot, seq }) => {
    const isOlder = trust === "older";
    const facts = { at: timestamp(clock), bootId, savedBootId, runningVersion, trialBoots, isOlder };
    const change = {
      bootId,
      update: resumeUpdate(update, facts),
      reboot: resumeReboot(reboot, { bootId, savedBootId, isOlder, nowBootMs: bootClock.nowMs() }),
    };
    // The first start of all is saved too: the next boot could not be told from this one otherwise.
    // So is one that could not be relied upon: what is done next must be what the disk says.
    const same =
      trust === "latest" && seq > 0 && savedBootId === bootId && change.update === update && change.reboot === reboot;
    return { change: same ? undefined : change, answer: undefined };
  }, signal);
  if (signal.aborted) return;
  const { update, reboot } = journal.saved;
  const rebooted = savedBootId !== bootId;
  log.info({ rebooted, update: update.phase, reboot: reboot.phase, trialBoots }, "state taken up");
}

/** From the moment that the new system may be what boots, until it is proven. */
function isOnTrial(update: UpdateState): boolean {
  return (update.phase === "rebooting" && update.armed) || update.phase === "proving";
}

/** Counts this start before the new system is given another chance: a start that is not on disk could be repeated for ever. */
async function countTrial(ports: WakePorts, signal: AbortSignal): Promise<number> {
  const { trials, timer, problems, log } = ports;
  const count = (await readCount(ports, signal)) + 1;
  for (const waitMs of backoff(diskRetry)) {
    try {
      await trials.write(count);
      problems.goesAway("trials");
      break;
    } catch (cause) {
      const sentence = `The start of the new system cannot be counted, so it waits: ${describeDiskError(cause)}`;
      if (problems.appears("trials", sentence)) log.error({ err: cause }, "trial boot not counted, trying again");
      await delayOrAbort(timer, waitMs, signal);
      if (signal.aborted) break;
    }
  }
  return count;
}

/**
 * The starts before this one. A count that stays unreadable is taken for too many: the board goes back to the system that
 * was good before, which cannot strand it, while a new system without a count could restart for ever.
 */
async function readCount({ trials, timer, problems, log }: WakePorts, signal: AbortSignal): Promise<number> {
  for (let look = 1; ; look += 1) {
    try {
      return await trials.read();
    } catch (cause) {
      const waitMs = diskRetry.firstMs;
      const isLast = look === looks || signal.aborted;
      log.error({ err: cause, look }, isLast ? "count of trial boots unreadable, no other is made" : "trying again");
      if (isLast) {
        problems.appears(
          "trial count",
          `The count of the new system's starts cannot be read: ${describeDiskError(cause)}`,
        );
        return uncounted;
      }
      await delayOrAbort(timer, waitMs, signal);
    }
  }
}
