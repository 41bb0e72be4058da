import { timestamp, type WallClock } from "./clock.ts";
import type { Journal } from "./journal.ts";
import type { Log } from "./log.ts";
import { resume as resumeReboot } from "./reboot/machine.ts";
import { resume as resumeUpdate } from "./update/machine.ts";
import type { UpdateState } from "./update/job.ts";
import type { TrialRecord } from "./update/ports.ts";

export interface WakeFacts {
  readonly bootId: string;
  readonly runningVersion: string | null;
}

/**
 * Takes the saved state up after any restart of the agent or the board: counts a start on trial first, then lets both
 * machines say where to go on from, and saves that before anything is done.
 */
export async function wake(
  { journal, trials, clock, log }: { journal: Journal; trials: TrialRecord; clock: WallClock; log: Log },
  { bootId, runningVersion }: WakeFacts,
  signal: AbortSignal,
): Promise<void> {
  const savedBootId = journal.saved.bootId;
  const trialBoots = isOnTrial(journal.saved.update) ? (await trials.read()) + 1 : 0;
  if (trialBoots > 0) await trials.write(trialBoots);
  const facts = { at: timestamp(clock), bootId, runningVersion, trialBoots };
  await journal.record(({ update, reboot }) => {
    const change = {
      bootId,
      update: resumeUpdate(update, facts),
      reboot: resumeReboot(reboot, { bootId, savedBootId }),
    };
    const same = savedBootId === bootId && change.update === update && change.reboot === reboot;
    return { change: same ? undefined : change, answer: undefined };
  }, signal);
  const { update, reboot } = journal.saved;
  const rebooted = savedBootId !== bootId;
  log.info({ rebooted, update: update.phase, reboot: reboot.phase, trialBoots }, "state taken up");
}

/** From the moment that the new system may be what boots, until it is proven. */
function isOnTrial(update: UpdateState): boolean {
  return (update.phase === "rebooting" && update.armed) || update.phase === "proving";
}
