import * as boardState from "./board-state.ts";
import * as invariants from "./invariants.ts";
import type { StateFile } from "../../agent/state/ports.ts";
import type { AgentState } from "../../agent/operations/agent-state.ts";
import type { BootCounter } from "../../agent/update/ports.ts";
import type { JsonObject } from "../../agent/contract/json.ts";
import { PendingCalls, type Call } from "./pending-calls.ts";
import type { DiskState } from "./disk-state.ts";
import { statesAfterPowerCut } from "./disk-key.ts";
import { VirtualTimer } from "./virtual-time.ts";
import { Violation } from "./observations.ts";
import { qualityIn, type Scenario, type Environment } from "./environment.ts";

/** How finely a life is taken apart, and what is wrong with its agent. */
export interface RunOptions {
  /** Whether each save and each call of the hub is a step at which other things may happen, or is done at once. */
  readonly fineSteps: boolean;
  /** For how long a disk refuses, from the first file on that it does; that one alone unless told. */
  readonly writeFailureMs?: number;
  /** How a state file is made; a test of the explorer itself makes one that forgets. */
  readonly makeStateFile?: (real: StateFile<AgentState>, scheduler: Scheduler) => StateFile<AgentState>;
  /** The same for the count of starts on trial. */
  readonly makeTrials?: (real: BootCounter, scheduler: Scheduler) => BootCounter;
  /** What the twin is told before each report, beside the truth. */
  readonly falseReport?: JsonObject;
}

/** What leaves nothing in memory that could not be seen from outside. */
const hubLabels = new Set(["report", "read twin", "connect", "time passes"]);

/** What one life of the agent plays on: the world around it, its calls that wait, and the witness who looks on. */
export class Scheduler {
  environment: Environment;
  /** What the agent has saved last, as it knows. */
  saved: AgentState | undefined;
  /** Told the world at each moment at which a crash may leave another one than before. */
  onCrashPoint: (environment: Environment) => void;
  /** So far this life is only lived again, to come to where another one branches off. */
  isReplay = false;
  /** The disk refuses the next file. */
  failsNextWrite = false;
  #refusedUntilMs: number | undefined;
  /** What was done so far, for people. */
  readonly trace: string[] = [];
  /** Duties that were begun since the last save: what the agent may remember beyond what it has saved. */
  readonly actionsSinceSave: string[] = [];
  /** Run when the next duty is done: for a test of the explorer, whose agent acts before it saves. */
  readonly afterAction: (() => void)[] = [];
  readonly pendingCalls = new PendingCalls();
  readonly timer: VirtualTimer;
  readonly scenario: Scenario;
  readonly runOptions: RunOptions;
  /** The first that the witness saw, whoever caught it: the agent takes what a port throws for trouble with disk or link. */
  #violation: Violation | undefined;

  constructor(
    environment: Environment,
    scenario: Scenario,
    runOptions: RunOptions,
    onCrashPoint: (environment: Environment) => void,
  ) {
    this.environment = environment;
    this.scenario = scenario;
    this.runOptions = runOptions;
    this.onCrashPoint = onCrashPoint;
    this.timer = new VirtualTimer(environment.bootMs);
  }

  /** What the witness has objected to first. */
  get violation(): Violation | undefined {
    return this.#violation;
  }

  /** How the system is that runs. */
  get quality(): boardState.Quality {
    return qualityIn(this.environment)(boardState.runningVersionOf(this.environment.board) ?? "");
  }

  /** True when the system that runs cannot reach the hub, whatever it does. */
  get isHubUnreachable(): boolean {
    return this.quality === "offline";
  }

  /** Whether the disk refuses a file now. */
  get isWriteFailing(): boolean {
    const { runOptions, timer } = this;
    if (!this.failsNextWrite) return false;
    this.#refusedUntilMs ??= timer.nowMs + (runOptions.writeFailureMs ?? 0);
    this.failsNextWrite = runOptions.writeFailureMs !== undefined && timer.nowMs < this.#refusedUntilMs;
    const isLast = runOptions.writeFailureMs === undefined;
    if (!this.failsNextWrite) this.#refusedUntilMs = undefined;
    return this.failsNextWrite || isLast;
  }

  /** How long the disk will go on to refuse; as a text, empty while it has not begun. */
  get writeFailsForMs(): string {
    return this.#refusedUntilMs === undefined ? "" : String(this.#refusedUntilMs - this.timer.nowMs);
  }

  /** A call of the agent: done when the explorer says, unless its signal aborts before that. */
  schedule<T>(label: string, isDuty: boolean, effect: () => T, signal?: AbortSignal): Promise<T> {
    return this.pendingCalls.wait(label, isDuty, effect, signal);
  }

  /** Takes up the call that waits first. */
  takeNextCall(): Call | undefined {
    const call = this.pendingCalls.take();
    if (call !== undefined) this.record(call.label);
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
    if (call.isAction) for (const act of this.afterAction.splice(0)) act();
    call.resolve(value as never);
  }

  /** An act on the board begins: the witness compares it with what a power cut would leave of the saved state. */
  observeAction(name: string): void {
    const known = statesAfterPowerCut(this.environment.disk);
    const job = this.saved !== undefined && "job" in this.saved.update ? this.saved.update.job.operationId : "";
    this.environment = this.checked(() => invariants.observeAction(this.environment, name, job, known));
  }

  changeDisk(how: (disk: DiskState) => DiskState): void {
    this.environment = { ...this.environment, disk: how(this.environment.disk) };
    this.crashPoint();
  }

  changeBoard(how: (board: boardState.BoardState) => boardState.BoardState): void {
    this.environment = { ...this.environment, board: how(this.environment.board) };
  }

  crashPoint(): void {
    this.checked(() => invariants.checkBoard(this.environment));
    this.onCrashPoint({ ...this.environment, bootMs: this.timer.nowMs });
  }

  /** Lets the witness look, and keeps what it objects to first. */
  checked<T>(look: () => T): T {
    try {
      return look();
    } catch (thrown) {
      if (thrown instanceof Violation) this.#violation ??= thrown;
      throw thrown;
    }
  }

  record(label: string): void {
    this.trace.push(label);
    if (!hubLabels.has(label)) this.actionsSinceSave.push(label);
  }
}
