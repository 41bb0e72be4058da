import { timestamp, type Timer, type WallClock } from "./clock.ts";
import type { Journal } from "./journal.ts";
import type { Log } from "./log.ts";
import { resume as resumeReboot } from "./reboot/machine.ts";
import { resume as resumeUpdate } from "./update/machine.ts";
import type { UpdateState } from "./update/job.ts";
import type { TrialRecord } from "./update/ports.ts";

/** How long to wait before the count of trial boots is written again on a disk that refuses. */
const retryMs = 5_000;

export interface WakePorts {
  readonly journal: Journal;
  readonly trials: TrialRecord;
  readonly clock: WallClock;
  readonly timer: Timer;
  readonly log: Log;
}

export interface WakeFacts {
  readonly bootId: string;
  readonly runningVersion: string | null;
}

/**
 * Takes the saved state up after any restart of the agent or the board: counts a start on trial first, then lets both
 * machines say where to go on from, and saves that before anything is done. A disk that refuses is asked for as long as
 * it takes: nothing may be done on a state that was not taken up.
 */
export async function wake(
  ports: WakePorts,
  { bootId, runningVersion }: WakeFacts,
  signal: AbortSignal,
): Promise<void> {
  const { journal, clock, log } = ports;
  const savedBootId = journal.saved.bootId;
  const trialBoots = isOnTrial(journal.saved.update) ? await countTrial(ports, signal) : 0;
  await journal.record(({ update, reboot, seq }) => {
    const facts = { at: timestamp(clock), bootId, savedBootId, runningVersion, trialBoots };
    const change = {
      bootId,
      update: resumeUpdate(update, facts),
      reboot: resumeReboot(reboot, { bootId, savedBootId }),
    };
    // The first start of all is saved too: the next boot could not be told from this one otherwise.
    const same = seq > 0 && savedBootId === bootId && change.update === update && change.reboot === reboot;
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

async function countTrial({ trials, timer, log }: WakePorts, signal: AbortSignal): Promise<number> {
  const count = (await trials.read()) + 1;
  while (!signal.aborted) {
    try {
      await trials.write(count);
      break;
    } catch (cause) {
      log.error({ err: cause }, "trial boot not counted, trying again");
      await timer.after(retryMs, signal).catch(() => undefined); // Only the signal ends the wait early.
    }
  }
  return count;
}
