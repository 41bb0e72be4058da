import { timestamp } from "../lib/clock.ts";
import type { Runtime } from "../lib/runtime.ts";
import { toFailure, AgentError } from "../lib/errors.ts";
import { type RunningAction, type StateStore } from "../state/ports.ts";
import { unsavedOutcomeAlert } from "../state/unsaved-outcome.ts";
import { ActionRunner } from "../state/action-runner.ts";
import type { Baseline, Job, UpdateEvent, UpdateSlice } from "./job.ts";
import { requireSameSize } from "./job-changes.ts";
import { actionKey } from "./action-key.ts";
import { enforceLease } from "./lease.ts";
import { actionFor, isRunning, step, type UpdateAction } from "./machine.ts";
import { installImage } from "./install-image.ts";
import type { HealthCheck, Installer, BootCounter, ImagePipeline } from "./ports.ts";
import { retryStep, type RetryPorts } from "./retry-step.ts";
import { wantedImage } from "./image-name.ts";
import type { TrustGate } from "./trust-gate.ts";
import type { DownloadProgress } from "./update-snapshot.ts";

/** Attempts of a commit or a revert before it counts as failed. */
const installerAttempts = 3;
/** Reads of the running version: a system that has just started may not know it yet. */
const versionAttempts = 12;

export interface UpdateRunnerPorts extends Runtime, Pick<RetryPorts, "onRetry"> {
  readonly store: StateStore<UpdateSlice>;
  readonly bootId: string;
  /** For updates. */
  readonly pipeline: ImagePipeline;
  /** For dry runs; undefined on a real board, which never accepts one. */
  readonly dryRunPipeline: ImagePipeline | undefined;
  readonly trust: Pick<TrustGate, "resolve" | "committed">;
  readonly health: HealthCheck;
  /** Whether the board reaches its hub: the baseline for the health check. Gives a broken connection some time. */
  readonly waitForLink: (signal: AbortSignal) => Promise<boolean>;
  /** Resolves when the staged image may be applied: at once, in a maintenance window, or on request. */
  readonly untilApplyAllowed: (job: Job, signal: AbortSignal) => Promise<void>;
  readonly bootCounter: BootCounter;
  /** Whether the board is going down for another reason: then no image is applied. */
  readonly isRebooting: () => boolean;
  /** Other changes to save together with the update's new state: a reboot that waited for it may proceed. */
  readonly relatedChanges: (update: UpdateSlice["update"]) => Partial<UpdateSlice>;
  /** Reboots the board. Never resolves; rejects when the board still runs at the deadline. */
  readonly rebootBoard: (signal: AbortSignal) => Promise<never>;
  /** The time of a commit. Waits a bounded time for a synchronized clock. */
  readonly trustedTimestamp: (signal: AbortSignal) => Promise<{ readonly at: string }>;
  readonly onProgress: (progress: DownloadProgress) => void;
  /** Called with the running version each time it was read. */
  readonly onVersion: (version: string | null) => void;
}

/** Runs the action of the saved state, saves the state that its result leads to, and repeats until no action is left. */
export class UpdateRunner {
  readonly #ports: UpdateRunnerPorts;
  readonly #actionRunner: ActionRunner<UpdateAction>;
  #progressCount = 0;

  constructor(ports: UpdateRunnerPorts) {
    this.#ports = ports;
    this.#actionRunner = new ActionRunner(actionKey, (action, signal) => this.#perform(action, signal));
    ports.store.onChange(({ update }) => this.#actionRunner.setWanted(actionFor(update)));
  }

  /** Starts the action of the saved state. */
  start(): void {
    this.#actionRunner.setWanted(actionFor(this.#ports.store.state.update));
  }

  /** The running action and the number of its progress reports, for the watchdog. */
  get running(): (RunningAction<UpdateAction> & { readonly progressCount: number }) | undefined {
    const present = this.#actionRunner.running;
    return present && { ...present, progressCount: this.#progressCount };
  }

  /** Stops the running action; it can be repeated after a restart. */
  stop(): Promise<void> {
    return this.#actionRunner.stop();
  }

  async #perform(action: UpdateAction, signal: AbortSignal): Promise<void> {
    const { wallClock, bootId } = this.#ports;
    let event: UpdateEvent | undefined;
    try {
      event = await this.#execute(action, signal);
    } catch (cause) {
      if (signal.aborted) return; // Stopped or replaced: the error says nothing about the job.
      const error = toFailure(cause, this.#ports.store.state.update.phase);
      this.#ports.log.error({ operationId: action.job.operationId, err: cause }, "update step failed");
      if (action.kind === "cleanUp") return; // The job has ended; the next start removes what is left.
      event = { type: "failed", error, bootId, at: timestamp(wallClock) };
    }
    if (event === undefined) return;
    const result = event;
    await this.#ports.store.transactUntilSaved((saved) => {
      const change = this.#advance(saved, action, result);
      const { update } = change ?? {};
      const hasEnded = update !== undefined && !isRunning(update);
      const unsavedAlert = hasEnded ? unsavedOutcomeAlert(`Update ${action.job.operationId}`, update) : undefined;
      return { change, unsavedAlert, answer: undefined };
    }, signal);
    // A reboot was under way, so nothing was applied. Should the board stay up, the image waits again.
    const { update } = this.#ports.store.state;
    if (result.type === "applyAllowed" && update.phase === "staged" && !signal.aborted)
      await this.#perform(action, signal);
  }

  /** What an event changes in the saved state; nothing when its job is no longer the current one. */
  #advance(saved: UpdateSlice, action: UpdateAction, event: UpdateEvent): Partial<UpdateSlice> | undefined {
    const { isRebooting, relatedChanges, wallClock } = this.#ports;
    // Overtaken: the job was replaced, or changed in what this action has used.
    const wanted = actionFor(saved.update);
    if (wanted === undefined || actionKey(wanted) !== actionKey(action)) return undefined;
    if (event.type === "applyAllowed" && isRebooting()) return undefined; // The reboot goes first.
    const update = step(saved.update, enforceLease(event, wanted.job, wallClock.now()));
    if (update === undefined) return undefined;
    const change = { ...relatedChanges(update), update };
    const { operationId, version, sha256 } = action.job;
    if (update.phase !== "completed" || sha256 === null) return change;
    return { ...change, lastProven: { operationId, version, sha256, at: event.at } };
  }

  async #execute(action: UpdateAction, signal: AbortSignal): Promise<UpdateEvent | undefined> {
    const { wallClock, bootId, health, trustedTimestamp } = this.#ports;
    const pipeline = this.#pipelineFor(action.job);
    const { installer } = pipeline;
    const now = (): { at: string } => ({ at: timestamp(wallClock) });
    switch (action.kind) {
      case "resolve": {
        const { trust, onRetry } = this.#ports;
        const found = await trust.resolve(wantedImage(action.job), onRetry, signal);
        return { type: "resolved", image: requireSameSize(action.job, found), ...now() };
      }
      case "reserveSpace":
        await pipeline.reserveSpace(action.job, signal);
        return { type: "spaceReserved", ...now() };
      case "download": {
        const isFirst = action.attempt === 1;
        const image = await pipeline.download(action.job, isFirst, (progress) => this.#progress(progress), signal);
        return { type: "downloaded", image, ...now() };
      }
      case "checkAndStage":
        await pipeline.checkAndStage(action.job, action.image, signal);
        return { type: "verified", ...now() };
      case "awaitApplyAllowed": {
        await this.#ports.untilApplyAllowed(action.job, signal);
        const before: Baseline = {
          version: await this.#runningVersion(installer, signal),
          linkUp: await this.#ports.waitForLink(signal),
        };
        if (!action.job.rehearsal && before.version === action.job.version) throw versionInUse(action.job);
        return { type: "applyAllowed", before, ...now() };
      }
      case "install":
        await installImage(pipeline, action.job, action.image, signal);
        return { type: "installed", restart: installer.restart, bootId, ...now() };
      case "arm":
        // Baseline it is armed: the first start of the new system counts from here.
        await this.#retry(installerAttempts, () => this.#resetBootCounter(), signal);
        await installer.arm(pipeline.describe(action.job, action.image), signal);
        return { type: "armed", ...now() };
      case "reboot":
        return await this.#ports.rebootBoard(signal);
      case "checkHealth":
        await this.#checkHealth(action, pipeline, health, signal);
        return { type: "proven", ...now() };
      case "commit":
        await this.#retry(installerAttempts, () => this.#commit(action, pipeline), signal);
        return { type: "committed", ...(await trustedTimestamp(signal)) };
      case "revert":
        await this.#retry(
          installerAttempts,
          () => installer.revert(pipeline.describe(action.job, action.image)),
          signal,
        );
        return {
          type: "reverted",
          restartNeeded: await this.#needsRestartAfterRevert(action, installer, signal),
          ...now(),
        };
      case "cleanUp":
        await pipeline.cleanUp(action.job, action.keepsPartial, signal);
        return undefined;
    }
  }

  /** Makes the new system permanent. The floor rises with it: older images than this one are refused from now on. */
  async #commit({ job, image }: Extract<UpdateAction, { kind: "commit" }>, pipeline: ImagePipeline): Promise<void> {
    await pipeline.installer.commit(pipeline.describe(job, image));
    if (job.target !== undefined) await this.#ports.trust.committed({ sha256: image.sha256, ...job.target });
  }

  #progress(progress: DownloadProgress): void {
    this.#progressCount += 1;
    this.#ports.onProgress(progress);
  }

  async #checkHealth(
    { job, image, before }: Extract<UpdateAction, { kind: "checkHealth" }>,
    pipeline: ImagePipeline,
    health: HealthCheck,
    signal: AbortSignal,
  ): Promise<void> {
    const { installer } = pipeline;
    const running = await this.#retry(
      versionAttempts,
      () => this.#requireRunningVersion(installer, job, signal),
      signal,
    );
    if (!job.rehearsal && running !== job.version) {
      const remedy = "Check the image's version and the installer's running-version command.";
      throw new AgentError("not-proven", `The board runs ${running}, not ${job.version}. ${remedy}`);
    }
    const described = pipeline.describe(job, image);
    await health.verify(before, (asking) => installer.healthy(described, asking), signal);
  }

  /**
   * After a revert: whether the board has to restart into the old system. Repeats while the version is unknown or still the
   * new one, because both may pass within a minute.
   */
  async #needsRestartAfterRevert(
    { job, before }: Extract<UpdateAction, { kind: "revert" }>,
    installer: Installer,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (job.rehearsal) return false;
    return await this.#retry(
      versionAttempts,
      async () => {
        const running = await installer.runningVersion(signal);
        this.#ports.onVersion(running);
        if (running === null && before.version !== null) {
          throw new AgentError(
            "version-unknown",
            `The old system is the default again, but the installer cannot tell which version runs (it was ${before.version}). Check the installer on the board.`,
          );
        }
        if (running !== job.version) return false;
        if (installer.restart === "board") return true;
        throw new AgentError(
          "revert-failed",
          `The installer reverted, but ${job.version} still runs. Make its revert command restart the service.`,
        );
      },
      signal,
    );
  }

  async #requireRunningVersion(
    installer: Installer,
    { rehearsal, version }: Job,
    signal: AbortSignal,
  ): Promise<string | null> {
    const running = await installer.runningVersion(signal);
    this.#ports.onVersion(running);
    if (running !== null || rehearsal) return running;
    throw new AgentError(
      "not-proven",
      `The installer cannot tell which version runs, so nothing proves that it is ${version}. Check its running-version command.`,
    );
  }

  /** The running version. Retries failed reads; rejects with the last error. */
  async #runningVersion(installer: Installer, signal: AbortSignal): Promise<string | null> {
    const running = await this.#retry(versionAttempts, () => installer.runningVersion(signal), signal);
    this.#ports.onVersion(running);
    return running;
  }

  async #resetBootCounter(): Promise<void> {
    try {
      await this.#ports.bootCounter.write(0);
    } catch (cause) {
      const message = "The board cannot write its boot counter, so the new system is not started. Check its disk.";
      throw new AgentError("state-not-saved", message, { cause });
    }
  }

  #retry<T>(times: number, act: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return retryStep(this.#ports, { times, during: this.#ports.store.state.update.phase }, act, signal);
  }

  #pipelineFor(job: Job): ImagePipeline {
    const { pipeline, dryRunPipeline } = this.#ports;
    if (!job.rehearsal) return pipeline;
    if (dryRunPipeline === undefined)
      throw new AgentError("internal", "The saved state holds a dry run, which this board never accepts.");
    return dryRunPipeline;
  }
}

function versionInUse({ version }: Job): AgentError {
  const why = `The board runs ${version} already, so nothing could prove that the new image runs.`;
  return new AgentError("version-in-use", `${why} Give each image its own version.`);
}
