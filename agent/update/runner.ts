import { timestamp } from "../lib/clock.ts";
import type { Runtime } from "../lib/runtime.ts";
import { toFailure, AgentError } from "../lib/errors.ts";
import { unsavedOutcomeAlert, type StateStore } from "../state/ports.ts";
import { ActionRunner } from "../state/action-runner.ts";
import type { Baseline, Job, UpdateEvent, UpdateSlice } from "./job.ts";
import { actionFor, isRunning, step, type UpdateAction } from "./machine.ts";
import type { HealthCheck, Installer, BootCounter, ImagePipeline } from "./ports.ts";
import type { DownloadProgress } from "./report.ts";

/** How often a commit or a way back is tried before it counts as failed, and how long between. */
const installerAttempts = 3;
/** How often the running version is asked for: a system that has just started may not know it yet. */
const versionAttempts = 12;
const retryMs = 5_000;

export interface UpdateRunnerPorts extends Runtime {
  readonly store: StateStore<UpdateSlice>;
  readonly bootId: string;
  /** For updates of this board. */
  readonly pipeline: ImagePipeline;
  /** For rehearsals; undefined on a real board, which never accepts one. */
  readonly dryRunPipeline: ImagePipeline | undefined;
  readonly health: HealthCheck;
  /** Whether the board reaches its hub, to compare the new system with: resolves after giving a broken link some time. */
  readonly waitForLink: (signal: AbortSignal) => Promise<boolean>;
  /** Resolves when the staged image may be applied: at once, in the next window, or on order. */
  readonly untilApplyAllowed: (job: Job, signal: AbortSignal) => Promise<void>;
  readonly bootCounter: BootCounter;
  /** Whether the board goes down for another reason: then no image is released. */
  readonly isRebooting: () => boolean;
  /** What else changes in the saved state with the update: a reboot that waited for it may go on. Saved together. */
  readonly alsoChanged: (update: UpdateSlice["update"]) => Partial<UpdateSlice>;
  /** Reboots the board. Never resolves; rejects when the reboot did not come. */
  readonly rebootBoard: (signal: AbortSignal) => Promise<never>;
  /** The time for a proof: waits for a clock that can be trusted, but not for ever. */
  readonly stamp: (signal: AbortSignal) => Promise<{ readonly at: string }>;
  readonly onProgress: (progress: DownloadProgress) => void;
  /** Told the version that runs whenever it was read. */
  readonly onVersion: (version: string | null) => void;
}

/** Saves, then acts: does the action of the saved state, submits what came of it, and so on until there is none. */
export class UpdateRunner {
  readonly #ports: UpdateRunnerPorts;
  readonly #actionRunner: ActionRunner<UpdateAction>;
  #progressCount = 0;

  constructor(ports: UpdateRunnerPorts) {
    this.#ports = ports;
    this.#actionRunner = new ActionRunner(actionKey, (what, signal) => this.#perform(what, signal));
    ports.store.onChange(({ update }) => this.#actionRunner.setWanted(actionFor(update)));
  }

  /** Takes up the action of the saved state. */
  start(): void {
    this.#actionRunner.setWanted(actionFor(this.#ports.store.state.update));
  }

  /** What is being done, and how often it has told of progress: for a watchdog. */
  get running():
    | { readonly action: UpdateAction; readonly isEnding: boolean; readonly progressCount: number }
    | undefined {
    const present = this.#actionRunner.running;
    return present && { ...present, progressCount: this.#progressCount };
  }

  /** Stops what is being done, in a way that it can be taken up after a restart. */
  stop(): Promise<void> {
    return this.#actionRunner.stop();
  }

  async #perform(what: UpdateAction, signal: AbortSignal): Promise<void> {
    const { wallClock, bootId } = this.#ports;
    let event: UpdateEvent | undefined;
    try {
      event = await this.#execute(what, signal);
    } catch (thrown) {
      if (signal.aborted) return; // Stopped or overtaken: whatever it threw says nothing about the job.
      const error = toFailure(thrown, this.#ports.store.state.update.phase);
      this.#ports.log.error({ operationId: what.job.operationId, err: thrown }, "update step failed");
      if (what.kind === "cleanUp") return; // The job has ended; what is left over is collected at the next start.
      event = { type: "failed", error, bootId, at: timestamp(wallClock) };
    }
    if (event === undefined) return;
    const happened = event;
    await this.#ports.store.transactUntilSaved((saved) => {
      const change = this.#advance(saved, what.job, happened);
      const { update } = change ?? {};
      const end =
        update === undefined || isRunning(update)
          ? undefined
          : unsavedOutcomeAlert(`Update ${what.job.operationId}`, update);
      return { change, unsavedAlert: end, answer: undefined };
    }, signal);
    // The board was on its way down when the release came: should it stay, the image waits for its release again.
    const { update } = this.#ports.store.state;
    if (happened.type === "applyAllowed" && update.phase === "staged" && !signal.aborted)
      await this.#perform(what, signal);
  }

  /** What an event changes in the saved state; nothing when the job it belongs to is not the present one any more. */
  #advance(saved: UpdateSlice, job: Job, event: UpdateEvent): Partial<UpdateSlice> | undefined {
    const { isRebooting, alsoChanged } = this.#ports;
    if (!("job" in saved.update) || saved.update.job.operationId !== job.operationId) return undefined;
    if (event.type === "applyAllowed" && isRebooting()) return undefined; // The board goes down first.
    const update = step(saved.update, event);
    if (update === undefined) return undefined;
    const change = { ...alsoChanged(update), update };
    if (update.phase !== "completed" || job.sha256 === null) return change;
    const { operationId, version, sha256 } = job;
    return { ...change, lastProven: { operationId, version, sha256, at: event.at } };
  }

  async #execute(what: UpdateAction, signal: AbortSignal): Promise<UpdateEvent | undefined> {
    const { wallClock, bootId, health, stamp } = this.#ports;
    const pipeline = this.#pipelineFor(what.job);
    const { installer } = pipeline;
    const now = (): { at: string } => ({ at: timestamp(wallClock) });
    switch (what.kind) {
      case "reserveSpace":
        await pipeline.reserveSpace(what.job, signal);
        return { type: "spaceReserved", ...now() };
      case "download": {
        const image = await pipeline.download(what.job, (progress) => this.#progress(progress), signal);
        return { type: "downloaded", image, ...now() };
      }
      case "checkAndStage":
        await pipeline.checkAndStage(what.job, what.image, signal);
        return { type: "verified", ...now() };
      case "awaitApplyAllowed": {
        await this.#ports.untilApplyAllowed(what.job, signal);
        const before: Baseline = {
          version: await this.#runningVersion(installer, signal),
          linkUp: await this.#ports.waitForLink(signal),
        };
        if (!what.job.rehearsal && before.version === what.job.version) throw versionInUse(what.job);
        return { type: "applyAllowed", before, ...now() };
      }
      case "install": {
        const image = await pipeline.openVerified(what.job, what.image, signal);
        await installer.prepare(image, signal);
        await installer.install(image, signal);
        return { type: "installed", restart: installer.restart, bootId, ...now() };
      }
      case "arm":
        // Baseline it is armed: the first start of the new system counts from here.
        await this.#retry(installerAttempts, () => this.#resetBootCounter(), signal);
        await installer.arm(pipeline.describe(what.job, what.image), signal);
        return { type: "armed", ...now() };
      case "reboot":
        return await this.#ports.rebootBoard(signal);
      case "checkHealth":
        await this.#checkHealth(what, pipeline, health, signal);
        return { type: "proven", ...now() };
      case "commit":
        await this.#retry(installerAttempts, () => installer.commit(pipeline.describe(what.job, what.image)), signal);
        return { type: "committed", ...(await stamp(signal)) };
      case "revert":
        await this.#retry(installerAttempts, () => installer.revert(pipeline.describe(what.job, what.image)), signal);
        return {
          type: "reverted",
          restartNeeded: await this.#needsRestartAfterRevert(what, installer, signal),
          ...now(),
        };
      case "cleanUp":
        await pipeline.cleanUp(what.job, what.keepsPartial, signal);
        return undefined;
    }
  }

  #progress(progress: DownloadProgress): void {
    this.#progressCount += 1;
    this.#ports.onProgress(progress);
  }

  async #checkHealth(
    { job, before }: Extract<UpdateAction, { kind: "checkHealth" }>,
    { installer }: ImagePipeline,
    health: HealthCheck,
    signal: AbortSignal,
  ): Promise<void> {
    const running = await this.#retry(
      versionAttempts,
      () => this.#requireRunningVersion(installer, job, signal),
      signal,
    );
    if (!job.rehearsal && running !== job.version) {
      throw new AgentError("not-proven", `The board runs ${running}, not ${job.version}.`);
    }
    await health.verify(before, signal);
  }

  /**
   * After a way back: true when the board has to restart into the old system. No board is called back, and no way back
   * gone, on a version that cannot be told or on one that still is the new one: both may pass within a minute.
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
            `The old system was made the default again, but what runs now cannot be told (it was ${before.version}). Look at the installer on the board.`,
          );
        }
        if (running !== job.version) return false;
        if (installer.restart === "board") return true;
        throw new AgentError(
          "revert-failed",
          `The installer went back, but ${job.version} still runs. Let its revert restart what it switches.`,
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
      `The installer cannot tell which version runs: nothing proves that it is ${version}.`,
    );
  }

  /** The running version, asked for until it is known or that has taken too long; rejects as the last reading did. */
  async #runningVersion(installer: Installer, signal: AbortSignal): Promise<string | null> {
    const running = await this.#retry(versionAttempts, () => installer.runningVersion(signal), signal);
    this.#ports.onVersion(running);
    return running;
  }

  async #resetBootCounter(): Promise<void> {
    try {
      await this.#ports.bootCounter.write(0);
    } catch (cause) {
      const message = "The board cannot count the starts of a new system, so none is tried. Look at its disk.";
      throw new AgentError("state-not-saved", message, { cause });
    }
  }

  /** Tries again what must not fail for a passing reason: the new system is proven, or the old one must come back. */
  async #retry<T>(times: number, act: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await act();
      } catch (cause) {
        if (attempt === times || signal.aborted || isPermanent(cause)) throw cause;
        this.#ports.log.warn({ err: cause, attempt }, "trying again");
        await this.#ports.timer.after(retryMs, signal);
      }
    }
  }

  #pipelineFor(job: Job): ImagePipeline {
    const { pipeline, dryRunPipeline } = this.#ports;
    if (!job.rehearsal) return pipeline;
    if (dryRunPipeline === undefined)
      throw new AgentError("internal", "A rehearsal was saved on a board that never accepts one.");
    return dryRunPipeline;
  }
}

/** Only the board's owner can change that, and not within seconds. */
function isPermanent(cause: unknown): boolean {
  return cause instanceof AgentError && cause.code === "installer-not-allowed";
}

function versionInUse({ version }: Job): AgentError {
  return new AgentError(
    "version-in-use",
    `The board runs ${version} already, so nothing could prove that this image came to run. Give each image a version of its own.`,
  );
}

/** One action has one key: set again with the same key it is not begun again. */
function actionKey(what: UpdateAction): string {
  return [what.kind, what.job.operationId, "attempt" in what ? what.attempt : ""].join(" ");
}
