import type { Timer, WallClock } from "../lib/clock.ts";
import type { StateStore } from "../state/ports.ts";
import type { BlockedBy } from "../maintenance/window.ts";
import type { Job, UpdateSlice } from "./job.ts";
import { clockCheckMs } from "./lease-watch.ts";

export interface ApplyGatePorts {
  readonly store: StateStore<UpdateSlice>;
  readonly wallClock: WallClock;
  readonly timer: Timer;
  /** Whether the board goes down for another reason. */
  readonly isRebooting: () => boolean;
  /** Resolves when a maintenance window is open. Reports what it waits for. */
  readonly untilWindowOpen: (onWait: (wait: BlockedBy) => void, signal: AbortSignal) => Promise<void>;
  readonly onWait: (wait: BlockedBy) => void;
}

/**
 * Resolves when a staged image may be applied: at once, in its maintenance window, or after `applyFirmwareUpdate`, which
 * sets the job to apply now. Never while the board is rebooting for another reason. A job with a lease also waits until the
 * clock is set: before that, nobody can tell whether the lease has expired.
 */
export async function untilApplyAllowed(ports: ApplyGatePorts, job: Job, signal: AbortSignal): Promise<void> {
  const { store, isRebooting } = ports;
  const isRequested = ({ update }: UpdateSlice): boolean =>
    "job" in update && update.job.operationId === job.operationId && update.job.apply === "now" && !isRebooting();
  const done = new AbortController();
  const stop = AbortSignal.any([signal, done.signal]);
  const conditions: Promise<unknown>[] = [store.until(isRequested, stop)];
  if (job.apply === "window") conditions.push(untilWindowAllows(ports, stop));
  try {
    await Promise.race(conditions);
  } finally {
    done.abort();
    await Promise.allSettled(conditions);
  }
  if (job.startBy !== undefined) await untilClockSet(ports, signal);
}

/** Resolves when a time server has set the clock since this boot. */
async function untilClockSet({ wallClock, timer, onWait }: ApplyGatePorts, signal: AbortSignal): Promise<void> {
  while (!(await wallClock.synchronized())) {
    onWait({ kind: "clockUnknown" });
    await timer.after(clockCheckMs, signal);
  }
}

/** Resolves when a window is open and the board is not rebooting. */
async function untilWindowAllows(
  { store, isRebooting, untilWindowOpen, onWait }: ApplyGatePorts,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await untilWindowOpen(onWait, signal);
    if (!isRebooting()) return;
    await store.until(() => !isRebooting(), signal);
  }
}
