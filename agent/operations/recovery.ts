import { delayOrAbort } from "../lib/abort.ts";
import { timestamp, type Timer } from "../lib/clock.ts";
import type { Runtime } from "../lib/runtime.ts";
import { describeDiskError, diskRetry } from "../lib/disk-errors.ts";
import type { Alerts } from "../lib/alerts.ts";
import { recoverReboot } from "../reboot/recover.ts";
import type { LoadQuality, AgentStateStore } from "./agent-state.ts";
import { recoverUpdate } from "../update/recover.ts";
import { unreadableCount, type UpdateState } from "../update/job.ts";
import type { BootCounter } from "../update/ports.ts";
import { backoff } from "../lib/backoff.ts";

/** Attempts to read the boot counter: a card that has just been powered may need a moment. */
const maxReads = 3;

export interface RecoveryPorts extends Runtime {
  readonly store: AgentStateStore;
  readonly bootCounter: BootCounter;
  readonly alerts: Alerts;
}

export interface RecoveryFacts {
  readonly bootId: string;
  readonly runningVersion: string | null;
  /** How good the loaded state is. */
  readonly loadQuality: LoadQuality;
}

/**
 * Recovers the saved state after any restart of the agent or the board: counts the boot of a system on trial first, then lets
 * both machines decide where to go on, and saves that before anything is done. While the disk refuses, it retries with
 * growing waits: nothing may be done on a state that is not recovered.
 */
export async function recoverState(
  ports: RecoveryPorts,
  { bootId, runningVersion, loadQuality }: RecoveryFacts,
  signal: AbortSignal,
): Promise<void> {
  const { store, wallClock, bootClock, log } = ports;
  const savedBootId = store.state.bootId;
  const trialBoots = isOnTrial(store.state.update) ? await countTrialBoot(ports, signal) : 0;
  await store.transactUntilSaved(({ update, reboot, seq }) => {
    const isOlderCopy = loadQuality === "older";
    const facts = { at: timestamp(wallClock), bootId, savedBootId, runningVersion, trialBoots, isOlderCopy };
    const change = {
      bootId,
      update: recoverUpdate(update, facts),
      reboot: recoverReboot(reboot, { bootId, savedBootId, isOlderCopy, nowBootMs: bootClock.nowMs() }),
    };
    // The very first start is saved too: otherwise the next boot could not be told from this one.
    // So is a state that was not the latest, synced one: what is done next must be on disk.
    const same =
      loadQuality === "latest" &&
      seq > 0 &&
      savedBootId === bootId &&
      change.update === update &&
      change.reboot === reboot;
    return { change: same ? undefined : change, answer: undefined };
  }, signal);
  if (signal.aborted) return;
  const { update, reboot } = store.state;
  const rebooted = savedBootId !== bootId;
  log.info({ rebooted, update: update.phase, reboot: reboot.phase, trialBoots }, "state recovered");
}

/** Whether an uncommitted new system may be running: from when it is armed until it is committed. */
function isOnTrial(update: UpdateState): boolean {
  return (update.phase === "rebooting" && update.armed) || update.phase === "proving";
}

/** Counts this boot before the new system may try again: boots that are not on disk could repeat for ever. */
async function countTrialBoot(ports: RecoveryPorts, signal: AbortSignal): Promise<number> {
  const { bootCounter, timer, alerts, log } = ports;
  const count = (await readBootCounter(ports, signal)) + 1;
  for (const waitMs of backoff(diskRetry)) {
    try {
      await bootCounter.write(count);
      alerts.clear("trials");
      break;
    } catch (cause) {
      const sentence = `The boot of the new system cannot be counted, so its trial waits: ${describeDiskError(cause)}`;
      if (alerts.raise("trials", sentence)) log.error({ err: cause }, "trial boot not counted, trying again");
      await delayOrAbort(timer, waitMs, signal);
      if (signal.aborted) break;
    }
  }
  return count;
}

/**
 * The boots before this one. A counter that stays unreadable counts as too many: rolling back to the old system is safe,
 * while a new system without a count could restart for ever.
 */
async function readBootCounter(
  { bootCounter, timer, alerts, log }: RecoveryPorts,
  signal: AbortSignal,
): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await bootCounter.read();
    } catch (cause) {
      const waitMs = diskRetry.firstMs;
      const isLast = attempt === maxReads || signal.aborted;
      log.error(
        { err: cause, attempt },
        isLast ? "boot counter unreadable, counted as too many starts" : "trying again",
      );
      if (isLast) {
        alerts.raise("trial count", `The boot counter of the new system cannot be read: ${describeDiskError(cause)}`);
        return unreadableCount;
      }
      await delayOrAbort(timer, waitMs, signal);
    }
  }
}

/** Whether the saved state is recovered after the start of the agent. Until then no request is decided. */
export class RecoveryStatus {
  readonly #timer: Timer;
  readonly #recovered = new AbortController();

  constructor(timer: Timer) {
    this.#timer = timer;
  }

  get isRecovered(): boolean {
    return this.#recovered.signal.aborted;
  }

  markRecovered(): void {
    this.#recovered.abort();
  }

  /** Waits for the recovery, at most so long. Returns whether it is done. */
  async within(waitMs: number): Promise<boolean> {
    if (!this.isRecovered) await delayOrAbort(this.#timer, waitMs, this.#recovered.signal);
    return this.isRecovered;
  }
}
