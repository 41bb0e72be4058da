import { timestamp } from "../lib/clock.ts";
import type { Runtime } from "../lib/runtime.ts";
import { toFailure, AgentError } from "../lib/errors.ts";
import { unsavedOutcomeAlert, type StateStore } from "../state/ports.ts";
import { ActionRunner } from "../state/action-runner.ts";
import type { Before, Job, UpdateEvent, UpdateSlice } from "./job.ts";
import { duty, isRunning, step, type Duty } from "./machine.ts";
import type { HealthCheck, Installer, TrialRecord, Workshop } from "./ports.ts";
import type { Progress } from "./report.ts";

/** How often a commit or a way back is tried before it counts as failed, and how long between. */
const tries = 3;
/** How often the running version is asked for: a system that has just started may not know it yet. */
const looks = 12;
const retryMs = 5_000;

export interface UpdateRunnerPorts extends Runtime {
  readonly store: StateStore<UpdateSlice>;
  readonly bootId: string;
  /** For updates of this board. */
  readonly workshop: Workshop;
  /** For rehearsals; undefined on a real board, which never accepts one. */
  readonly rehearsal: Workshop | undefined;
  readonly health: HealthCheck;
  /** Whether the board reaches its hub, to compare the new system with: resolves after giving a broken link some time. */
  readonly linkUp: (signal: AbortSignal) => Promise<boolean>;
  /** Resolves when the staged image may be applied: at once, in the next window, or on order. */
  readonly released: (job: Job, signal: AbortSignal) => Promise<void>;
  readonly trials: TrialRecord;
  /** Whether the board goes down for another reason: then no image is released. */
  readonly isRebooting: () => boolean;
  /** What else changes in the saved state with the update: a reboot that waited for it may go on. Saved together. */
  readonly alsoChanged: (update: UpdateSlice["update"]) => Partial<UpdateSlice>;
  /** Reboots the board. Never resolves; rejects when the reboot did not come. */
  readonly rebootBoard: (signal: AbortSignal) => Promise<never>;
  /** The time for a proof: waits for a clock that can be trusted, but not for ever. */
  readonly stamp: (signal: AbortSignal) => Promise<{ readonly at: string }>;
  readonly onProgress: (progress: Progress) => void;
  /** Told the version that runs whenever it was read. */
  readonly onVersion: (version: string | null) => void;
}

/** Saves, then acts: does the duty of the saved state, submits what came of it, and so on until there is none. */
export class UpdateRunner {
  readonly #ports: UpdateRunnerPorts;
  readonly #actionRunner: ActionRunner<Duty>;
  #signs = 0;

  constructor(ports: UpdateRunnerPorts) {
    this.#ports = ports;
    this.#actionRunner = new ActionRunner(keyOf, (what, signal) => this.#perform(what, signal));
    ports.store.onChange(({ update }) => this.#actionRunner.setWanted(duty(update)));
  }

  /** Takes up the duty of the saved state. */
  start(): void {
    this.#actionRunner.setWanted(duty(this.#ports.store.state.update));
  }

  /** What is being done, and how often it has told of progress: for a watchdog. */
  get underWay(): { readonly action: Duty; readonly isEnding: boolean; readonly signs: number } | undefined {
    const present = this.#actionRunner.running;
    return present && { ...present, signs: this.#signs };
  }

  /** Stops what is being done, in a way that it can be taken up after a restart. */
  stop(): Promise<void> {
    return this.#actionRunner.stop();
  }

  async #perform(what: Duty, signal: AbortSignal): Promise<void> {
    const { wallClock, bootId } = this.#ports;
    let event: UpdateEvent | undefined;
    try {
      event = await this.#act(what, signal);
    } catch (thrown) {
      if (signal.aborted) return; // Stopped or overtaken: whatever it threw says nothing about the job.
      const error = toFailure(thrown, this.#ports.store.state.update.phase);
      this.#ports.log.error({ operationId: what.job.operationId, err: thrown }, "update step failed");
      if (what.kind === "tidy") return; // The job has ended; what is left over is collected at the next start.
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
    if (happened.type === "released" && update.phase === "staged" && !signal.aborted) await this.#perform(what, signal);
  }

  /** What an event changes in the saved state; nothing when the job it belongs to is not the present one any more. */
  #advance(saved: UpdateSlice, job: Job, event: UpdateEvent): Partial<UpdateSlice> | undefined {
    const { isRebooting, alsoChanged } = this.#ports;
    if (!("job" in saved.update) || saved.update.job.operationId !== job.operationId) return undefined;
    if (event.type === "released" && isRebooting()) return undefined; // The board goes down first.
    const update = step(saved.update, event);
    if (update === undefined) return undefined;
    const change = { ...alsoChanged(update), update };
    if (update.phase !== "completed" || job.sha256 === null) return change;
    const { operationId, version, sha256 } = job;
    return { ...change, lastProven: { operationId, version, sha256, at: event.at } };
  }

  async #act(what: Duty, signal: AbortSignal): Promise<UpdateEvent | undefined> {
    const { wallClock, bootId, health, stamp } = this.#ports;
    const workshop = this.#workshopFor(what.job);
    const { installer } = workshop;
    const now = (): { at: string } => ({ at: timestamp(wallClock) });
    switch (what.kind) {
      case "admit":
        await workshop.admit(what.job, signal);
        return { type: "admitted", ...now() };
      case "fetch": {
        const image = await workshop.fetch(what.job, (progress) => this.#progress(progress), signal);
        return { type: "fetched", image, ...now() };
      }
      case "verify":
        await workshop.stage(what.job, what.image, signal);
        return { type: "verified", ...now() };
      case "awaitRelease": {
        await this.#ports.released(what.job, signal);
        const before: Before = {
          version: await this.#versionOf(installer, signal),
          linkUp: await this.#ports.linkUp(signal),
        };
        if (!what.job.rehearsal && before.version === what.job.version) throw sameVersion(what.job);
        return { type: "released", before, ...now() };
      }
      case "install": {
        const image = await workshop.open(what.job, what.image, signal);
        await installer.prepare(image, signal);
        await installer.install(image, signal);
        return { type: "installed", restart: installer.restart, bootId, ...now() };
      }
      case "arm":
        // Before it is armed: the first start of the new system counts from here.
        await this.#insist(tries, () => this.#countFromHere(), signal);
        await installer.arm(workshop.refer(what.job, what.image), signal);
        return { type: "armed", ...now() };
      case "reboot":
        return await this.#ports.rebootBoard(signal);
      case "prove":
        await this.#prove(what, workshop, health, signal);
        return { type: "proven", ...now() };
      case "commit":
        await this.#insist(tries, () => installer.commit(workshop.refer(what.job, what.image)), signal);
        return { type: "committed", ...(await stamp(signal)) };
      case "revert":
        await this.#insist(tries, () => installer.revert(workshop.refer(what.job, what.image)), signal);
        return { type: "reverted", restartNeeded: await this.#stillRunsNew(what, installer, signal), ...now() };
      case "tidy":
        await workshop.tidy(what.job, what.keepsPartial, signal);
        return undefined;
    }
  }

  #progress(progress: Progress): void {
    this.#signs += 1;
    this.#ports.onProgress(progress);
  }

  async #prove(
    { job, before }: Extract<Duty, { kind: "prove" }>,
    { installer }: Workshop,
    health: HealthCheck,
    signal: AbortSignal,
  ): Promise<void> {
    const running = await this.#insist(looks, () => this.#knownVersion(installer, job, signal), signal);
    if (!job.rehearsal && running !== job.version) {
      throw new AgentError("not-proven", `The board runs ${running}, not ${job.version}.`);
    }
    await health.prove(before, signal);
  }

  /**
   * After a way back: true when the board has to restart into the old system. No board is called back, and no way back
   * gone, on a version that cannot be told or on one that still is the new one: both may pass within a minute.
   */
  async #stillRunsNew(
    { job, before }: Extract<Duty, { kind: "revert" }>,
    installer: Installer,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (job.rehearsal) return false;
    return await this.#insist(
      looks,
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

  async #knownVersion(installer: Installer, { rehearsal, version }: Job, signal: AbortSignal): Promise<string | null> {
    const running = await installer.runningVersion(signal);
    this.#ports.onVersion(running);
    if (running !== null || rehearsal) return running;
    throw new AgentError(
      "not-proven",
      `The installer cannot tell which version runs: nothing proves that it is ${version}.`,
    );
  }

  /** The running version, asked for until it is known or that has taken too long; rejects as the last reading did. */
  async #versionOf(installer: Installer, signal: AbortSignal): Promise<string | null> {
    const running = await this.#insist(looks, () => installer.runningVersion(signal), signal);
    this.#ports.onVersion(running);
    return running;
  }

  async #countFromHere(): Promise<void> {
    try {
      await this.#ports.trials.write(0);
    } catch (cause) {
      const message = "The board cannot count the starts of a new system, so none is tried. Look at its disk.";
      throw new AgentError("state-not-saved", message, { cause });
    }
  }

  /** Tries again what must not fail for a passing reason: the new system is proven, or the old one must come back. */
  async #insist<T>(times: number, act: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await act();
      } catch (cause) {
        if (attempt === times || signal.aborted || isFinal(cause)) throw cause;
        this.#ports.log.warn({ err: cause, attempt }, "trying again");
        await this.#ports.timer.after(retryMs, signal);
      }
    }
  }

  #workshopFor(job: Job): Workshop {
    const { workshop, rehearsal } = this.#ports;
    if (!job.rehearsal) return workshop;
    if (rehearsal === undefined)
      throw new AgentError("internal", "A rehearsal was saved on a board that never accepts one.");
    return rehearsal;
  }
}

/** Only the board's owner can change that, and not within seconds. */
function isFinal(cause: unknown): boolean {
  return cause instanceof AgentError && cause.code === "installer-not-allowed";
}

function sameVersion({ version }: Job): AgentError {
  return new AgentError(
    "version-in-use",
    `The board runs ${version} already, so nothing could prove that this image came to run. Give each image a version of its own.`,
  );
}

/** One duty has one key: set again with the same key it is not begun again. */
function keyOf(what: Duty): string {
  return [what.kind, what.job.operationId, "attempt" in what ? what.attempt : ""].join(" ");
}
