import { timestamp } from "../lib/clock.ts";
import type { Runtime } from "../lib/runtime.ts";
import { AgentError, errorMessage } from "../lib/errors.ts";
import { type RunningAction, type StateStore } from "../state/ports.ts";
import { unsavedOutcomeAlert } from "../state/unsaved-outcome.ts";
import { ActionRunner } from "../state/action-runner.ts";
import type { BlockedBy } from "../maintenance/window.ts";
import { inhibitedMessage, type Inhibitor } from "./inhibited-message.ts";
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
  "The reboot was due, but the agent could not save its state, so the board stayed up. Check its disk: full, read-only or worn out; then request the reboot again.";
/** How long a reboot waits until the hub has acknowledged the reported state. */
const reportFlushMs = 5_000;

/** Reboots the board. */
export interface RebootPort {
  /**
   * Starts a reboot. Resolves when it is accepted; then this process ends. Rejects otherwise: with an AgentError `inhibited`
   * when an inhibitor is held and `force` is false.
   */
  reboot(order: { readonly force: boolean }, signal: AbortSignal): Promise<void>;
  /** The inhibitors held now. Never rejects: an empty list where they cannot be read within seconds. */
  inhibitors(): Promise<readonly Inhibitor[]>;
}

export interface RebootRunnerPorts extends Runtime {
  readonly store: StateStore<RebootSlice>;
  readonly bootId: string;
  readonly rebootPort: RebootPort;
  /** Whether an update is changing the board: its own reboot, or its end, comes first. */
  readonly isUpdateApplying: () => boolean;
  /** The longest time from the start of a reboot to the end of this process; then it counts as failed. */
  readonly deadlineMs: number;
  /** Resolves when the hub has acknowledged the reported state, or after that time. */
  readonly flushReports: (withinMs: number, signal?: AbortSignal) => Promise<void>;
  /** Resolves when a maintenance window is open. Reports what it waits for. */
  readonly untilWindowOpen: (onWait: (wait: BlockedBy) => void, signal: AbortSignal) => Promise<void>;
  /** Called with what a reboot in a window waits for. */
  readonly onWait: (wait: BlockedBy) => void;
  readonly trustedTimestamp: (
    signal: AbortSignal,
  ) => Promise<{ readonly at: string; readonly clockSynchronized: boolean }>;
}

/** Waits until a reboot is due, starts it, detects when it does not happen, and timestamps the last one. */
export class RebootRunner {
  readonly #ports: RebootRunnerPorts;
  readonly #actionRunner: ActionRunner<RebootAction & { readonly operationId: string }>;
  readonly #stopping = new AbortController();
  #timestamping: Promise<void> = Promise.resolve();

  constructor(ports: RebootRunnerPorts) {
    this.#ports = ports;
    this.#actionRunner = new ActionRunner(
      ({ kind, operationId }) => `${kind} ${operationId}`,
      (action, signal) => this.#perform(action, signal),
    );
    ports.store.onChange(() => this.#updateAction());
  }

  /** The running action, for the watchdog. */
  get running(): RunningAction<RebootAction> | undefined {
    return this.#actionRunner.running;
  }

  /** Starts the action of the saved state, and timestamps a proven reboot once the clock is synchronized. */
  start(): void {
    this.#updateAction();
    const { last } = this.#ports.store.state.reboot;
    if (last !== null && last.at === null) this.#timestamping = this.#timestampLastReboot(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([this.#actionRunner.stop(), this.#timestamping]);
  }

  /**
   * Reboots the board for an update, which fulfils a pending request as well. Never resolves: the process ends. Rejects
   * with `reboot-never-came` otherwise.
   */
  async rebootForUpdate(signal: AbortSignal): Promise<never> {
    const { store } = this.#ports;
    await this.#record(() => ({ type: "neededByUpdate", ...this.#rebootDetails() }));
    const { reboot } = await store.until((saved) => saved.reboot.phase !== "rebooting", signal);
    throw new AgentError("reboot-never-came", "error" in reboot ? reboot.error.message : "The reboot did not come.");
  }

  #updateAction(): void {
    const { reboot } = this.#ports.store.state;
    const action = actionFor(reboot);
    const operationId = "job" in reboot ? (reboot.job?.operationId ?? "") : "";
    this.#actionRunner.setWanted(action && { ...action, operationId });
  }

  async #perform(action: RebootAction, signal: AbortSignal): Promise<void> {
    try {
      await this.#execute(action, signal);
    } catch (cause) {
      if (!signal.aborted) this.#ports.log.error({ err: cause }, "reboot step failed");
    }
  }

  async #execute(action: RebootAction, signal: AbortSignal): Promise<void> {
    const { timer, bootClock, store, untilWindowOpen, onWait, isUpdateApplying } = this.#ports;
    switch (action.kind) {
      case "awaitDue":
        await timer.after(Math.max(0, action.dueBootMs - bootClock.nowMs()), signal);
        return await this.#handleDue(signal);
      case "awaitWindow":
        await untilWindowOpen(onWait, signal);
        return await this.#handleDue(signal);
      case "awaitUpdate":
        // Repeats where another update started while this waited for a window: that goes first.
        do {
          await store.until(() => !isUpdateApplying(), signal);
          if (action.window) await untilWindowOpen(onWait, signal); // The window may have closed during the update.
          await this.#handleDue(signal);
        } while (!signal.aborted && store.state.reboot.phase === "waiting");
        return;
      case "reboot":
        return await this.#reboot(signal);
    }
  }

  async #handleDue(signal: AbortSignal): Promise<void> {
    const { bootClock, store, rebootPort, isUpdateApplying } = this.#ports;
    const { reboot } = store.state;
    const isForTime = reboot.phase === "scheduled" && reboot.job.window !== true;
    const dueBootMs = isForTime ? reboot.dueBootMs : bootClock.nowMs();
    if (!ignoresInhibitors(reboot) && !isUpdateApplying()) {
      const inhibitors = await rebootPort.inhibitors();
      if (signal.aborted) return;
      if (inhibitors.length > 0)
        return await this.#record(() => ({ type: "inhibited", message: inhibitedMessage(inhibitors) }));
    }
    await this.#record(() => {
      // Checked at each attempt to save: a reboot that cannot be saved in time is not done late.
      const isLate = store.lastWriteError !== undefined && bootClock.nowMs() - dueBootMs >= maxLatenessMs;
      if (isLate) return { type: "stateNotSaved", message: unsavedMessage };
      return { type: "due", blockedByUpdate: isUpdateApplying(), ...this.#rebootDetails() };
    });
  }

  async #reboot(signal: AbortSignal): Promise<void> {
    const { rebootPort, flushReports, timer, log, deadlineMs, store } = this.#ports;
    await flushReports(reportFlushMs, signal);
    if (signal.aborted) return;
    let why = "";
    try {
      log.info({}, "rebooting the board");
      await rebootPort.reboot({ force: ignoresInhibitors(store.state.reboot) }, signal);
      await timer.after(deadlineMs, signal);
      why = `The reboot was started, but ${Math.round(deadlineMs / 1_000)} s later the board still runs.`;
    } catch (cause) {
      if (signal.aborted) return;
      log.error({ err: cause }, "reboot failed");
      if (cause instanceof AgentError && cause.code === "inhibited")
        return await this.#record(() => ({ type: "inhibited", message: cause.message }));
      const reason = errorMessage(cause);
      why = `The reboot failed: ${reason.replace(/\.$/, "")}.`; // The helper's message ends with a full stop, that of a program does not.
    }
    const message = `${why} Check systemd's log on the board, then request it again.`;
    await this.#record(() => ({ type: "rebootTimedOut", message }));
  }

  async #timestampLastReboot(signal: AbortSignal): Promise<void> {
    try {
      const time = await this.#ports.trustedTimestamp(signal);
      await this.#record(() => ({ type: "timestamped", ...time }));
    } catch (cause) {
      if (!signal.aborted) this.#ports.log.error({ err: cause }, "time of the last reboot not recorded");
    }
  }

  #rebootDetails(): { readonly bootId: string; readonly at: string; readonly downBootMs: number } {
    const { bootId, wallClock, bootClock, deadlineMs } = this.#ports;
    return { bootId, at: timestamp(wallClock), downBootMs: Math.round(bootClock.nowMs() + reportFlushMs + deadlineMs) };
  }

  /** @param eventNow the event, computed again at each attempt to save it */
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

/** Whether inhibitors are ignored: the request says so, or an update has armed a system for this reboot. */
function ignoresInhibitors(reboot: RebootState): boolean {
  if (reboot.phase === "rebooting" && reboot.cause === "update") return true;
  return "job" in reboot && reboot.job?.force === true;
}
