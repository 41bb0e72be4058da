import type { Runtime } from "../lib/runtime.ts";
import type { StateStore } from "../state/ports.ts";
import type { Alerts } from "../lib/alerts.ts";
import type { UpdateSlice, UpdateState } from "./job.ts";

/** Longer than a file system check, and than a board takes to go down. */
const minUptimeMs = 10 * 60_000;
/** A disk that fails for so long does not recover by itself. */
const gracePeriodMs = 2 * 60_000;

export interface TrialWatchdogPorts extends Runtime {
  readonly store: StateStore<UpdateSlice>;
  readonly alerts: Alerts;
  readonly bootId: string;
  /** How long the health check of a new system may take. */
  readonly healthDeadlineMs: number;
  readonly runningVersion: (signal: AbortSignal) => Promise<string | null>;
  /** Requests a reboot without writing to the disk. */
  readonly reboot: () => Promise<void>;
  readonly stopping: AbortSignal;
}

/**
 * Reboots a board whose new system cannot save its state. Such a system can be neither committed nor rolled back, and would
 * refuse every request for ever. After the deadline of its health check, counted from the boot, the board reboots as after a
 * power cut: the boot loader starts the old system, which finds on disk what happened.
 */
export function startTrialWatchdog(ports: TrialWatchdogPorts): void {
  const { alerts, stopping } = ports;
  let writable: AbortController | undefined;
  alerts.onChange(() => {
    const cannotSave = alerts.has("state") || alerts.has("trials");
    if (!cannotSave) {
      writable?.abort();
      writable = undefined;
    } else if (writable === undefined) {
      writable = new AbortController();
      void rebootWhenOverdue(ports, AbortSignal.any([writable.signal, stopping])).catch(() => undefined); // Aborted: the disk works again, or the agent stops.
    }
  });
}

async function rebootWhenOverdue(ports: TrialWatchdogPorts, signal: AbortSignal): Promise<void> {
  // The boot clock counts from the start of the board, not of this process: an agent that restarts gets no more time.
  const { timer, bootClock, healthDeadlineMs } = ports;
  await timer.after(Math.max(gracePeriodMs, Math.max(minUptimeMs, healthDeadlineMs) - bootClock.nowMs()), signal);
  // Repeats a failed reboot: nobody else does, because everything else waits for the disk.
  while (await rebootIfOnTrial(ports, signal)) await timer.after(minUptimeMs, signal);
}

/** Reboots if a trial system runs. Returns false when none does, so that nothing is left to do. */
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
    log.error({ err: cause }, "reboot out of the trial failed, trying again");
  }
  return true;
}

/**
 * The trial version of this boot, which the boot loader will not start again; undefined where there is none. During a
 * rollback only in the boot in which it began: a new system that boots after that was committed, and a reboot would start it
 * again.
 */
function versionOnTrial(update: UpdateState, bootId: string): string | undefined {
  const isOnTrial =
    (update.phase === "rebooting" && update.armed && update.fromBootId !== bootId) ||
    (update.phase === "proving" && update.restart === "board" && !update.proven) ||
    (update.phase === "reverting" && update.restart === "board" && update.fromBootId === bootId);
  return isOnTrial && !update.job.rehearsal ? update.job.version : undefined;
}
