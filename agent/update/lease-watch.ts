import { timestamp } from "../lib/clock.ts";
import type { Runtime } from "../lib/runtime.ts";
import { ActionRunner } from "../state/action-runner.ts";
import type { Decision, StateStore } from "../state/ports.ts";
import { unsavedOutcomeAlert } from "../state/unsaved-outcome.ts";
import type { Job, UpdateSlice } from "./job.ts";
import { isLeaseExpired } from "./lease.ts";
import { isBeforeInstall, step } from "./machine.ts";

/** A step of the clock, and a clock that has been set, are noticed within this time. */
export const clockCheckMs = 60_000;

export interface LeaseWatchPorts extends Runtime {
  readonly store: StateStore<UpdateSlice>;
}

/**
 * Cancels an update whose lease expires before it has begun, whatever it waits for: a download, a window, approval. Reads the
 * clock each minute, as the maintenance windows do, because it may be set or step at any time. While nothing has set the
 * clock, no lease expires, and no update with a lease begins (apply-gate.ts).
 */
export class LeaseWatch {
  readonly #ports: LeaseWatchPorts;
  readonly #runner: ActionRunner<Job>;

  constructor(ports: LeaseWatchPorts) {
    this.#ports = ports;
    this.#runner = new ActionRunner(
      ({ operationId, startBy }) => `${operationId} ${startBy}`,
      (job, signal) => this.#watch(job, signal),
    );
    ports.store.onChange((saved) => this.#runner.setWanted(jobWithLease(saved)));
  }

  /** Watches the lease of the saved state. */
  start(): void {
    this.#runner.setWanted(jobWithLease(this.#ports.store.state));
  }

  stop(): Promise<void> {
    return this.#runner.stop();
  }

  /** Ends when the job has ended or has begun. Never rejects. */
  async #watch({ operationId, startBy = "" }: Job, signal: AbortSignal): Promise<void> {
    const { store, wallClock, timer, log } = this.#ports;
    try {
      while (!signal.aborted) {
        if (await wallClock.synchronized()) {
          await store.transactUntilSaved((saved) => this.#decideExpiry(saved, operationId), signal);
        }
        const leftMs = Date.parse(startBy) - wallClock.now().getTime();
        await timer.after(leftMs > 0 ? Math.min(leftMs, clockCheckMs) : clockCheckMs, signal);
      }
    } catch (cause) {
      if (!signal.aborted) log.error({ err: cause, operationId }, "lease no longer watched");
    }
  }

  /** Judged by the clock of the moment, also when a save is tried again: it may have stepped back meanwhile. */
  #decideExpiry({ update }: UpdateSlice, operationId: string): Decision<UpdateSlice, undefined> {
    const { wallClock } = this.#ports;
    const isDue =
      "job" in update && update.job.operationId === operationId && isLeaseExpired(update.job, wallClock.now());
    const cancelled = isDue ? step(update, { type: "leaseExpired", at: timestamp(wallClock) }) : undefined;
    if (cancelled === undefined) return { answer: undefined };
    return {
      change: { update: cancelled },
      unsavedAlert: unsavedOutcomeAlert(`Update ${operationId}`, cancelled),
      answer: undefined,
    };
  }
}

/** The job whose lease counts: it has one, and has not begun. */
function jobWithLease({ update }: UpdateSlice): Job | undefined {
  return "job" in update && isBeforeInstall(update) && update.job.startBy !== undefined ? update.job : undefined;
}
