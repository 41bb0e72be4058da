import type { StateStore } from "../state/store.ts";
import type { AgentState } from "../operations/agent-state.ts";
import type { Wait } from "../maintenance/wait.ts";
import type { Job } from "./job.ts";

export interface ReleasePorts {
  readonly store: StateStore;
  /** Resolves when a maintenance window lets the board act. Tells what it waits for. */
  readonly windowOpened: (onWait: (wait: Wait) => void, signal: AbortSignal) => Promise<void>;
  readonly onWait: (wait: Wait) => void;
}

/**
 * Resolves when a staged image may be applied: at once, in its maintenance window, or on the order `applyFirmwareUpdate`
 * (which makes the job one that applies now); and never while the board is on its way down for another reason.
 */
export async function released(ports: ReleasePorts, job: Job, signal: AbortSignal): Promise<void> {
  const { store } = ports;
  const isOrdered = ({ update, reboot }: AgentState): boolean =>
    "job" in update &&
    update.job.operationId === job.operationId &&
    update.job.apply === "now" &&
    reboot.phase !== "rebooting";
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const ways: Promise<unknown>[] = [store.until(isOrdered, either)];
  if (job.apply === "window") ways.push(inWindow(ports, either));
  try {
    await Promise.race(ways);
  } finally {
    over.abort();
    await Promise.allSettled(ways);
  }
}

/** Resolves at a moment at which a window is open and the board stays up. */
async function inWindow({ store, windowOpened, onWait }: ReleasePorts, signal: AbortSignal): Promise<void> {
  for (;;) {
    await windowOpened(onWait, signal);
    if (store.state.reboot.phase !== "rebooting") return;
    await store.until(({ reboot }) => reboot.phase !== "rebooting", signal);
  }
}
