import type { StateFile } from "../../agent/state/ports.ts";
import type { AgentState } from "../../agent/operations/agent-state.ts";
import type { TrialRecord } from "../../agent/update/ports.ts";
import type { JsonObject } from "../../agent/contract/json.ts";
import * as hardware from "./board-state.ts";
import { Calls, type Call } from "./pending-calls.ts";
import type { DiskState } from "./disk-state.ts";
import * as witness from "./invariants.ts";
import { savedIn } from "./reading.ts";
import { PatientTimer } from "./virtual-time.ts";
import { Violation } from "./violation.ts";
import { qualityIn, type Scenario, type World } from "./environment.ts";

/** How finely a life is taken apart, and what is wrong with its agent. */
export interface Grain {
  /** Whether each save and each call of the hub is a step at which other things may happen, or is done at once. */
  readonly isFine: boolean;
  /** For how long a disk refuses, from the first file on that it does; that one alone unless told. */
  readonly refusalMs?: number;
  /** How a state file is made; a test of the explorer itself makes one that forgets. */
  readonly makeStateFile?: (real: StateFile<AgentState>, stage: Stage) => StateFile<AgentState>;
  /** The same for the count of starts on trial. */
  readonly makeTrials?: (real: TrialRecord, stage: Stage) => TrialRecord;
  /** What the twin is told before each report, beside the truth. */
  readonly lie?: JsonObject;
}

/** What leaves nothing in memory that could not be seen from outside. */
const hubLabels = new Set(["report", "read twin", "connect", "time passes"]);

/** What one life of the agent plays on: the world around it, its calls that wait, and the witness who looks on. */
export class Stage {
  world: World;
  /** What the agent has saved last, as it knows. */
  saved: AgentState | undefined;
  /** Told the world at each moment at which a crash may leave another one than before. */
  onCrashPoint: (world: World) => void;
  /** So far this life is only lived again, to come to where another one branches off. */
  isRetold = false;
  /** The disk refuses the next file. */
  refusal = false;
  #refusedUntilMs: number | undefined;
  /** What was done so far, for people. */
  readonly labels: string[] = [];
  /** Duties that were begun since the last save: what the agent may remember beyond what it has saved. */
  readonly sinceSave: string[] = [];
  /** Run when the next duty is done: for a test of the explorer, whose agent acts before it saves. */
  readonly afterDuty: (() => void)[] = [];
  readonly calls = new Calls();
  readonly timer: PatientTimer;
  readonly scenario: Scenario;
  readonly grain: Grain;
  /** The first that the witness saw, whoever caught it: the agent takes what a port throws for trouble with disk or link. */
  #violation: Violation | undefined;

  constructor(world: World, scenario: Scenario, grain: Grain, onCrashPoint: (world: World) => void) {
    this.world = world;
    this.scenario = scenario;
    this.grain = grain;
    this.onCrashPoint = onCrashPoint;
    this.timer = new PatientTimer(world.bootMs);
  }

  /** What the witness has objected to first. */
  get violation(): Violation | undefined {
    return this.#violation;
  }

  /** How the system is that runs. */
  get quality(): hardware.Quality {
    return qualityIn(this.world)(hardware.runningVersionOf(this.world.board) ?? "");
  }

  /** True when the system that runs cannot reach the hub, whatever it does. */
  get isDeaf(): boolean {
    return this.quality === "deaf";
  }

  /** Whether the disk refuses a file now. */
  get isRefused(): boolean {
    const { grain, timer } = this;
    if (!this.refusal) return false;
    this.#refusedUntilMs ??= timer.nowMs + (grain.refusalMs ?? 0);
    this.refusal = grain.refusalMs !== undefined && timer.nowMs < this.#refusedUntilMs;
    const isLast = grain.refusalMs === undefined;
    if (!this.refusal) this.#refusedUntilMs = undefined;
    return this.refusal || isLast;
  }

  /** How long the disk will go on to refuse; as a text, empty while it has not begun. */
  get refusedFor(): string {
    return this.#refusedUntilMs === undefined ? "" : String(this.#refusedUntilMs - this.timer.nowMs);
  }

  /** A call of the agent: done when the explorer says, unless its signal aborts before that. */
  call<T>(label: string, isDuty: boolean, effect: () => T, signal?: AbortSignal): Promise<T> {
    return this.calls.wait(label, isDuty, effect, signal);
  }

  /** Takes up the call that waits first. */
  nextCall(): Call | undefined {
    const call = this.calls.take();
    if (call !== undefined) this.note(call.label);
    return call;
  }

  /** Does a call, as it should be. */
  complete(call: Call): void {
    let value: unknown;
    try {
      value = call.effect();
    } catch (thrown) {
      if (thrown instanceof Violation) throw thrown;
      return call.reject(thrown);
    }
    this.crashPoint();
    if (call.isDuty) for (const act of this.afterDuty.splice(0)) act();
    call.resolve(value as never);
  }

  /** An act on the board begins: the witness compares it with what a power cut would leave of the saved state. */
  act(name: string): void {
    const known = savedIn(this.world.disk);
    const job = this.saved !== undefined && "job" in this.saved.update ? this.saved.update.job.operationId : "";
    this.world = this.witnessed(() => witness.noteAct(this.world, name, job, known));
  }

  changeDisk(how: (disk: DiskState) => DiskState): void {
    this.world = { ...this.world, disk: how(this.world.disk) };
    this.crashPoint();
  }

  changeBoard(how: (board: hardware.BoardState) => hardware.BoardState): void {
    this.world = { ...this.world, board: how(this.world.board) };
  }

  crashPoint(): void {
    this.witnessed(() => witness.checkBoard(this.world));
    this.onCrashPoint({ ...this.world, bootMs: this.timer.nowMs });
  }

  /** Lets the witness look, and keeps what it objects to first. */
  witnessed<T>(look: () => T): T {
    try {
      return look();
    } catch (thrown) {
      if (thrown instanceof Violation) this.#violation ??= thrown;
      throw thrown;
    }
  }

  note(label: string): void {
    this.labels.push(label);
    if (!hubLabels.has(label)) this.sinceSave.push(label);
  }
}
