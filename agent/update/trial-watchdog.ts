import type { Runtime } from "../lib/runtime.ts";
import type { StateStore } from "../state/ports.ts";
import type { Alerts } from "../lib/alerts.ts";
import type { UpdateSlice, UpdateState } from "./job.ts";

/** Longer than any disk takes to check itself, and than a board takes to go down. */
const minUptimeMs = 10 * 60_000;
/** A disk that refuses for so long is not having a bad moment. */
const gracePeriodMs = 2 * 60_000;

export interface TrialWatchdogPorts extends Runtime {
  readonly store: StateStore<UpdateSlice>;
  readonly alerts: Alerts;
  readonly bootId: string;
  /** How long a new system may take to be proven. */
  readonly healthDeadlineMs: number;
  readonly runningVersion: (signal: AbortSignal) => Promise<string | null>;
  /** Orders a reboot, without a word on the disk. */
  readonly reboot: () => Promise<void>;
  readonly stopping: AbortSignal;
}

/**
 * A new system that cannot save its state can neither be proven nor say that it goes back: it would stay for ever, deaf to
 * every request. So after the time that it has for its proof, counted from the boot, the board is rebooted as by a power cut,
 * which is what a trial is made for: the boot loader starts the old system, and that finds on the disk what it takes to say
 * what happened.
 */
export function startTrialWatchdog(ports: TrialWatchdogPorts): void {
  const { alerts, stopping } = ports;
  let relieved: AbortController | undefined;
  alerts.onChange(() => {
    const isRefused = alerts.has("state") || alerts.has("trials");
    if (!isRefused) {
      relieved?.abort();
      relieved = undefined;
    } else if (relieved === undefined) {
      relieved = new AbortController();
      void rebootWhenOverdue(ports, AbortSignal.any([relieved.signal, stopping])).catch(() => undefined); // Relieved, or stopped.
    }
  });
}

async function rebootWhenOverdue(ports: TrialWatchdogPorts, signal: AbortSignal): Promise<void> {
  // The boot clock counts from the start of the board, not of this process: an agent that restarts gets no more time.
  const { timer, bootClock, healthDeadlineMs: proveWithinMs } = ports;
  await timer.after(Math.max(gracePeriodMs, Math.max(minUptimeMs, proveWithinMs) - bootClock.nowMs()), signal);
  // Refused, or taken and not done: whoever else would ask for it again waits for the same disk.
  while (await rebootIfOnTrial(ports, signal)) await timer.after(minUptimeMs, signal);
}

/** Orders the reboot where a new system on trial runs. False where none does, so that nothing is to be ordered any more. */
async function rebootIfOnTrial(ports: TrialWatchdogPorts, signal: AbortSignal): Promise<boolean> {
  const { store, log, bootId, runningVersion, reboot } = ports;
  const version = versionOnTrial(store.state.update, bootId);
  if (version === undefined) return false;
  try {
    const running = await runningVersion(signal);
    signal.throwIfAborted();
    if (running === null) return true; // Not known yet.
    if (running !== version) return false;
    log.error({ version }, "the new system cannot save its state: rebooting into the old one");
    await reboot();
  } catch (cause) {
    signal.throwIfAborted();
    log.error({ err: cause }, "trial of a system that cannot save its state not ended, trying again");
  }
  return true;
}

/**
 * The version on trial in this boot, which the boot loader will not start again by itself; undefined where there is none. On
 * the way back, only in the boot in which that began: a new system that is started once more after it was committed by then,
 * and another reboot would start it again.
 */
function versionOnTrial(update: UpdateState, bootId: string): string | undefined {
  const isOnTrial =
    (update.phase === "rebooting" && update.armed && update.fromBootId !== bootId) ||
    (update.phase === "proving" && update.restart === "board" && !update.proven) ||
    (update.phase === "reverting" && update.restart === "board" && update.fromBootId === bootId);
  return isOnTrial && !update.job.rehearsal ? update.job.version : undefined;
}
