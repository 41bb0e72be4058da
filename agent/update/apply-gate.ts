import type { StateStore } from "../state/ports.ts";
import type { BlockedBy } from "../maintenance/window.ts";
import type { Job, UpdateSlice } from "./job.ts";

export interface ApplyGatePorts {
  readonly store: StateStore<UpdateSlice>;
  /** Whether the board goes down for another reason. */
  readonly isRebooting: () => boolean;
  /** Resolves when a maintenance window lets the board act. Tells what it waits for. */
  readonly windowOpened: (onWait: (wait: BlockedBy) => void, signal: AbortSignal) => Promise<void>;
  readonly onWait: (wait: BlockedBy) => void;
}

/**
 * Resolves when a staged image may be applied: at once, in its maintenance window, or on the order `applyFirmwareUpdate`
 * (which makes the job one that applies now); and never while the board is on its way down for another reason.
 */
export async function untilApplyAllowed(ports: ApplyGatePorts, job: Job, signal: AbortSignal): Promise<void> {
  const { store, isRebooting } = ports;
  const isOrdered = ({ update }: UpdateSlice): boolean =>
    "job" in update && update.job.operationId === job.operationId && update.job.apply === "now" && !isRebooting();
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const ways: Promise<unknown>[] = [store.until(isOrdered, either)];
  if (job.apply === "window") ways.push(untilWindowAllows(ports, either));
  try {
    await Promise.race(ways);
  } finally {
    over.abort();
    await Promise.allSettled(ways);
  }
}

/** Resolves at a moment at which a window is open and the board stays up. */
async function untilWindowAllows(
  { store, isRebooting, windowOpened, onWait }: ApplyGatePorts,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await windowOpened(onWait, signal);
    if (!isRebooting()) return;
    await store.until(() => !isRebooting(), signal);
  }
}
