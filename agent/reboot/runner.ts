import { timestamp } from "../lib/clock.ts";
import type { Runtime } from "../lib/runtime.ts";
import { AgentError, errorMessage } from "../lib/errors.ts";
import { unsavedOutcomeAlert, type RunningAction, type StateStore } from "../state/ports.ts";
import { ActionRunner } from "../state/action-runner.ts";
import type { BlockedBy } from "../maintenance/window.ts";
import { inhibitedMessage, type Inhibitor } from "./inhibitors.ts";
import {
  actionFor,
  maxLatenessMs,
  step,
  type RebootAction,
  type RebootEvent,
  type RebootSlice,
  type RebootState,
} from "./machine.ts";

const unsavedMessage =
  "The reboot was due, but the board cannot save that it goes down for it, so it stayed up. Look at its disk: full, read-only or worn out; then ask again.";
/** How long the order waits for the hub to hear of it first. */
const reportFlushMs = 5_000;

/** The power of the board. */
export interface RebootPort {
  /**
   * Orders a reboot. Resolves when the order is taken: what follows is the end of this process. Rejects when it is not: with
   * an AgentError `inhibited` when somebody asks that the board is not shut down, and the order does not insist.
   */
  reboot(order: { readonly force: boolean }, signal: AbortSignal): Promise<void>;
  /** Who asks that the board is not shut down now. Never rejects: nobody, where that cannot be told within seconds. */
  inhibitors(): Promise<readonly Inhibitor[]>;
}

export interface RebootRunnerPorts extends Runtime {
  readonly store: StateStore<RebootSlice>;
  readonly bootId: string;
  readonly rebootPort: RebootPort;
  /** Whether an update is changing the board: its own reboot, or its end, comes first. */
  readonly isUpdateApplying: () => boolean;
  /** How long a reboot may take from the order to the end of this process, before it counts as one that never came. */
  readonly deadlineMs: number;
  /** Resolves when the hub has acknowledged all that was to be reported, or the time is up. */
  readonly reported: (withinMs: number, signal?: AbortSignal) => Promise<void>;
  /** Resolves when a maintenance window lets the board act. Tells what it waits for. */
  readonly windowOpened: (onWait: (wait: BlockedBy) => void, signal: AbortSignal) => Promise<void>;
  /** Told what a reboot in a window waits for. */
  readonly onWait: (wait: BlockedBy) => void;
  readonly stamp: (signal: AbortSignal) => Promise<{ readonly at: string; readonly clockSynchronized: boolean }>;
}

/** Waits until a reboot is due, orders it, notices when it does not come, and says when the last one was. */
export class RebootRunner {
  readonly #ports: RebootRunnerPorts;
  readonly #actionRunner: ActionRunner<RebootAction & { readonly operationId: string }>;
  readonly #stopping = new AbortController();
  #stamped: Promise<void> = Promise.resolve();

  constructor(ports: RebootRunnerPorts) {
    this.#ports = ports;
    this.#actionRunner = new ActionRunner(
      ({ kind, operationId }) => `${kind} ${operationId}`,
      (what, signal) => this.#perform(what, signal),
    );
    ports.store.onChange(() => this.#updateAction());
  }

  /** What is being done: for a watchdog. */
  get running(): RunningAction<RebootAction> | undefined {
    return this.#actionRunner.running;
  }

  /** Takes up the action of the saved state, and stamps a proven reboot as soon as the time is known. */
  start(): void {
    this.#updateAction();
    const { last } = this.#ports.store.state.reboot;
    if (last !== null && last.at === null) this.#stamped = this.#stampLastReboot(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([this.#actionRunner.stop(), this.#stamped]);
  }

  /**
   * Reboots the board for an update, which fulfils a pending request as well. Never resolves: the process ends. Rejects
   * with `reboot-never-came` when it does not.
   */
  async rebootForUpdate(signal: AbortSignal): Promise<never> {
    const { store } = this.#ports;
    await this.#record(() => ({ type: "neededByUpdate", ...this.#rebootDetails() }));
    const { reboot } = await store.until((saved) => saved.reboot.phase !== "rebooting", signal);
    throw new AgentError("reboot-never-came", "error" in reboot ? reboot.error.message : "The reboot did not come.");
  }

  #updateAction(): void {
    const { reboot } = this.#ports.store.state;
    const what = actionFor(reboot);
    const operationId = "job" in reboot ? (reboot.job?.operationId ?? "") : "";
    this.#actionRunner.setWanted(what && { ...what, operationId });
  }

  async #perform(what: RebootAction, signal: AbortSignal): Promise<void> {
    try {
      await this.#execute(what, signal);
    } catch (cause) {
      if (!signal.aborted) this.#ports.log.error({ err: cause }, "reboot step failed");
    }
  }

  async #execute(what: RebootAction, signal: AbortSignal): Promise<void> {
    const { timer, bootClock, store, windowOpened, onWait, isUpdateApplying } = this.#ports;
    switch (what.kind) {
      case "awaitDue":
        await timer.after(Math.max(0, what.dueBootMs - bootClock.nowMs()), signal);
        return await this.#handleDue(signal);
      case "awaitWindow":
        await windowOpened(onWait, signal);
        return await this.#handleDue(signal);
      case "awaitUpdate":
        // Again, where the next update has begun while this one waited for its window: it goes first as well.
        do {
          await store.until(() => !isUpdateApplying(), signal);
          if (what.window) await windowOpened(onWait, signal); // The update may have taken longer than the window.
          await this.#handleDue(signal);
        } while (!signal.aborted && store.state.reboot.phase === "waiting");
        return;
      case "reboot":
        return await this.#reboot(signal);
    }
  }

  async #handleDue(signal: AbortSignal): Promise<void> {
    const { bootClock, store, rebootPort: power, isUpdateApplying } = this.#ports;
    const { reboot } = store.state;
    const isForTime = reboot.phase === "scheduled" && reboot.job.window !== true;
    const dueBootMs = isForTime ? reboot.dueBootMs : bootClock.nowMs();
    if (!ignoresInhibitors(reboot) && !isUpdateApplying()) {
      const inhibitors = await power.inhibitors();
      if (signal.aborted) return;
      if (inhibitors.length > 0)
        return await this.#record(() => ({ type: "inhibited", message: inhibitedMessage(inhibitors) }));
    }
    await this.#record(() => {
      // Looked at anew at each try: what the disk does not take in time is not done late.
      const isLate = store.lastWriteError !== undefined && bootClock.nowMs() - dueBootMs >= maxLatenessMs;
      if (isLate) return { type: "stateNotSaved", message: unsavedMessage };
      return { type: "due", blockedByUpdate: isUpdateApplying(), ...this.#rebootDetails() };
    });
  }

  async #reboot(signal: AbortSignal): Promise<void> {
    const { rebootPort: power, reported, timer, log, deadlineMs, store } = this.#ports;
    await reported(reportFlushMs, signal);
    if (signal.aborted) return;
    let why = "";
    try {
      log.info({}, "rebooting the board");
      await power.reboot({ force: ignoresInhibitors(store.state.reboot) }, signal);
      await timer.after(deadlineMs, signal);
      why = `The reboot was ordered, but ${Math.round(deadlineMs / 1_000)} s later the board still runs.`;
    } catch (cause) {
      if (signal.aborted) return;
      log.error({ err: cause }, "reboot refused");
      if (cause instanceof AgentError && cause.code === "inhibited")
        return await this.#record(() => ({ type: "inhibited", message: cause.message }));
      const said = errorMessage(cause);
      why = `The reboot was refused: ${said.replace(/\.$/, "")}.`; // The door speaks in sentences, programs do not.
    }
    const message = `${why} Look at the log of the board's systemd, then ask again.`;
    await this.#record(() => ({ type: "rebootTimedOut", message }));
  }

  async #stampLastReboot(signal: AbortSignal): Promise<void> {
    try {
      const stamp = await this.#ports.stamp(signal);
      await this.#record(() => ({ type: "timestamped", ...stamp }));
    } catch (cause) {
      if (!signal.aborted) this.#ports.log.error({ err: cause }, "time of the last reboot not recorded");
    }
  }

  #rebootDetails(): { readonly bootId: string; readonly at: string; readonly downBootMs: number } {
    const { bootId, wallClock, bootClock, deadlineMs } = this.#ports;
    return { bootId, at: timestamp(wallClock), downBootMs: Math.round(bootClock.nowMs() + reportFlushMs + deadlineMs) };
  }

  /** @param eventNow what has happened, as it looks at each try to save it */
  #record(eventNow: () => RebootEvent): Promise<void> {
    return this.#ports.store.transactUntilSaved((saved) => {
      const reboot = step(saved.reboot, eventNow());
      const end =
        reboot?.phase === "failed"
          ? unsavedOutcomeAlert(`Reboot ${reboot.job?.operationId ?? "for an update"}`, reboot)
          : undefined;
      return { change: reboot && { reboot }, unsavedAlert: end, answer: undefined };
    }, this.#stopping.signal);
  }
}

/** Whether inhibitors are to be ignored: the caller said so, or an update has armed a system that waits for this reboot. */
function ignoresInhibitors(reboot: RebootState): boolean {
  if (reboot.phase === "rebooting" && reboot.cause === "update") return true;
  return "job" in reboot && reboot.job?.force === true;
}
