import { startAgent, type Agent } from "../../agent/agent.ts";
import { ChecksummedStateFile } from "../../agent/board/fs/state-file.ts";
import { BootCounterFile } from "../../agent/board/fs/boot-counter-file.ts";
import type { StateFile } from "../../agent/state/ports.ts";
import type { LoadQuality, AgentState } from "../../agent/operations/agent-state.ts";
import { parseSettings } from "../../agent/config/parse-settings.ts";
import { isRunning } from "../../agent/update/machine.ts";
import { bareInventory } from "../support/inventory.ts";
import { quiet } from "../support/logs.ts";
import { installerOf, powerOf } from "./board-double.ts";
import { digest, diskOf, fetchOnto, stagingOf } from "./disk-double.ts";
import * as hardware from "./board-state.ts";
import { stateFolder } from "./folders.ts";
import * as witness from "./invariants.ts";
import { Line } from "./hub-double.ts";
import { Stage, type Grain } from "./scheduler.ts";
import type { Instant } from "./virtual-time.ts";
import { TwinWitness } from "./twin-checker.ts";
import type { Scenario, World } from "./environment.ts";

export type Ending = "rebooted" | "died" | "finished";

const settings = parseSettings([
  {
    source: "explorer",
    values: {
      "update.installer": "command",
      "update.healthy-for-seconds": 1,
      "health.every-seconds": 0,
      "update.prove-within-seconds": 6,
      "simulation.pause-seconds": 3,
    },
  },
]).settings;

const version = "1";
const noon = (boots: number): number => Date.UTC(2026, 0, 2, boots);
const dayMs = 86_400_000;

/**
 * One life of the agent's process over a world: the production agent, whole, with every port in the explorer's hands. A
 * call is done when the explorer says; in between everything runs that can.
 */
export class Life {
  readonly stage: Stage;
  readonly line: Line;
  readonly #twin = new TwinWitness();
  #savedAt: Instant;
  #file: ChecksummedStateFile | undefined;
  #loadQuality: LoadQuality = "latest";
  #agent: Agent | undefined;
  #death: unknown;
  /** How often the wall clock was read. */
  #readings = 0;

  constructor(world: World, scenario: Scenario, grain: Grain, onCrashPoint: (world: World) => void) {
    this.stage = new Stage(world, scenario, grain, onCrashPoint);
    this.line = new Line(this.stage, this.#twin, (why) => (this.#death = why));
    this.#savedAt = this.stage.timer.instant;
  }

  /** The process starts, and reads what it finds on disk. */
  async load(): Promise<void> {
    const { stage } = this;
    this.#file = new ChecksummedStateFile(stateFolder, diskOf(stage));
    const { saved, loadQuality, problems } = await this.#file.load();
    stage.saved = saved;
    this.#loadQuality = loadQuality;
    stage.world = witness.noteStart(stage.world, saved, problems);
  }

  /** The agent goes to work on what was read. */
  begin(): void {
    const { world, saved, scenario } = this.stage;
    const startedAt = this.#wallClock(0).toISOString();
    const agent = { version, mode: scenario.mode, startedAt, clockSynchronized: true };
    this.#twin.begins(world, saved, { agent, board: bareInventory });
    this.#start().then(
      (started) => (this.#agent = started),
      (why: unknown) => (this.#death = why ?? new Error("unknown")),
    );
  }

  /** Nobody looks on any more. Node keeps a combined signal, and all that listens to it, until it aborts: so all are. */
  abandon(): void {
    this.stage.onCrashPoint = () => undefined;
    this.#agent?.stop().catch(() => undefined); // What it was doing is of no interest to anybody.
  }

  /**
   * How this life has ended, if it has.
   * @throws Violation if one has happened so far, also where the agent has caught it
   */
  get ending(): Ending | undefined {
    const { violation, world } = this.stage;
    if (violation !== undefined) throw violation;
    if (this.#death !== undefined) return "died";
    if (world.board.goingDown) return "rebooted";
    return this.#isFinished() ? "finished" : undefined;
  }

  /** What happens by itself next. False when nothing can. */
  goOn(): boolean {
    const { stage, line } = this;
    const next = stage.nextCall();
    if (next !== undefined) {
      stage.complete(next);
      return true;
    }
    if (line.isSucceeded) {
      stage.labels.push("new desired document");
      line.setDesired(stage.scenario.succeeding ?? {});
      return true;
    }
    const request = line.nextRequest;
    if (request !== undefined) {
      line.deliver(request);
      return true;
    }
    if (stage.quality === "crashing") {
      this.#death = new Error("This system's agent crashes.");
      return true;
    }
    const woke = stage.timer.wakeNext();
    if (woke) {
      stage.note("time passes");
      line.timePassed();
    }
    stage.world = { ...stage.world, bootMs: stage.timer.nowMs };
    return woke;
  }

  /** What is true where nothing is left to be done. */
  async checkEnd(faults: number): Promise<void> {
    const { world, saved } = this.stage;
    witness.checkEnd(world, saved, faults);
    const said = await this.line.ask("getStatus", null);
    if (said !== undefined) this.#twin.checkEnd(world, said);
  }

  /** What the agent's memory may hold beyond what was saved and what is under way. */
  get memory(): string {
    const { saved, timer, scenario, refusal, refusedFor, sinceSave } = this.stage;
    const phase = saved?.update.phase;
    // These have a deadline that begins with the save before them.
    const isTimed = phase === "staged" || phase === "proving" || scenario.mode === "simulated";
    const waitedMs = isTimed ? timer.nowMs - this.#savedAt.atMs : 0;
    const hub = this.line.memory(phase === "proving" ? this.#savedAt : undefined);
    return [this.#death !== undefined, refusal, refusedFor, waitedMs, ...hub, ...sinceSave].join("|");
  }

  /** Every reading finds that the clock was stepped by a day: nothing may depend on it. */
  #wallClock(reading: number): Date {
    return new Date(noon(this.stage.world.board.boots) - (reading % 2) * dayMs);
  }

  async #start(): Promise<Agent> {
    const { stage, line } = this;
    const { timer, grain, scenario, world } = stage;
    const trials = new BootCounterFile(stateFolder, diskOf(stage));
    return await startAgent(
      {
        version,
        mode: scenario.mode,
        setLogLevel: () => undefined,
        runtime: {
          wallClock: { now: () => this.#wallClock(this.#readings++), synchronized: () => Promise.resolve(true) },
          bootClock: { nowMs: () => Math.round(timer.nowMs) },
          timer,
          // The shortest pauses, but for a system that asks a hub in vain: how often it does is of no interest.
          random: () => (stage.isDeaf ? 0.999 : 0),
          newId: () => "unnamed",
          digest,
          log: quiet,
        },
        bootId: hardware.bootIdOf(world.board),
        identity: "explored",
        inventory: bareInventory,
        findHardwareInfo: () => Promise.resolve(null),
        readMetrics: () => Promise.reject(new Error("Nobody asks: no health is reported here.")),
        stateFile: grain.makeStateFile?.(this.#watched(), stage) ?? this.#watched(),
        loadedState: stage.saved,
        loadQuality: this.#loadQuality,
        startupAlerts: [],
        bootCounter: grain.makeTrials?.(trials, stage) ?? trials,
        staging: stagingOf(stage),
        fetcher: {
          fetch: (order, _onProgress, signal) =>
            stage.call("fetch", true, () => fetchOnto(stage, order.uris[0] ?? "", order.path), signal),
        },
        installer: installerOf(stage, () => {
          this.#twin.ran(stage.world);
          if (stage.isDeaf) line.lose();
        }),
        power: powerOf(stage),
        connect: (signal) => line.connect(signal),
      },
      settings,
    );
  }

  /** The state file, with everybody told who has to know. */
  #watched(): StateFile<AgentState> {
    const { stage } = this;
    const file = this.#file;
    if (file === undefined) throw new Error("An agent begins on what it has read.");
    return {
      save: async (next) => {
        await file.save(next);
        stage.saved = next;
        stage.sinceSave.length = 0;
        this.#savedAt = stage.timer.instant;
        this.line.saved(next);
        this.#twin.saved(next);
        stage.world = stage.witnessed(() => witness.noteSaved(stage.world, next));
        stage.crashPoint();
      },
    };
  }

  /** Nothing is under way, and nothing but a new request could change that. */
  #isFinished(): boolean {
    const { stage, line } = this;
    const { saved, calls, timer, world } = stage;
    if (this.#agent === undefined || saved === undefined || calls.next !== undefined) return false;
    if (line.isUp ? timer.waitsMs.length > 0 : !stage.isDeaf) return false;
    const { update, reboot } = saved;
    const waits = update.phase === "staged" && update.job.apply === "manual";
    if (isRunning(update) && !waits) return false;
    if (["scheduled", "waiting", "rebooting"].includes(reboot.phase)) return false;
    return (
      !line.isSucceeded &&
      line.nextRequest === undefined &&
      world.hub.requests.every(({ reply, whenPhase }) => reply !== null || whenPhase !== undefined)
    );
  }
}
