import * as boardState from "./board-state.ts";
import * as invariants from "./invariants.ts";
import type { StateFile } from "../../agent/state/ports.ts";
import type { AgentState } from "../../agent/operations/agent-state.ts";
import type { BootCounter } from "../../agent/update/ports.ts";
import type { JsonObject } from "../../agent/contract/json.ts";
import { expireLease, type ClockState } from "./clock-state.ts";
import type { HelperPorts } from "../../agent/install-helper/ports.ts";
import { checkHelper } from "./helper-invariants.ts";
import { isPastStaging } from "../../agent/update/machine.ts";
import { PendingCalls, type Call } from "./pending-calls.ts";
import type { DiskState } from "./disk-state.ts";
import { statesAfterPowerCut } from "./disk-key.ts";
import { VirtualTimer } from "./virtual-time.ts";
import { Violation } from "./observations.ts";
import { qualityIn, type Scenario, type Environment } from "./environment.ts";

/** How finely a run is divided into steps, and what is wrong with its agent. */
export interface RunOptions {
  /** Whether each save and each call to the hub is a step, at which other things may happen, or happens at once. */
  readonly fineSteps: boolean;
  /** For how long a failing disk fails, from the first write on; if not given, for that one write. */
  readonly writeFailureMs?: number;
  /** Wraps the state file; for tests with a faulty agent. */
  readonly makeStateFile?: (real: StateFile<AgentState>, scheduler: Scheduler) => StateFile<AgentState>;
  /** The same for the boot counter. */
  readonly makeTrials?: (real: BootCounter, scheduler: Scheduler) => BootCounter;
  /** What is wrong with how the agent reads the clock: it takes any for set, or sees only the time of its start. */
  readonly clockMistake?: "not asked whether it is set" | "read at the start alone";
  /** What is wrong with root's helper. */
  readonly makeHelper?: (real: HelperPorts, scheduler: Scheduler) => HelperPorts;
  /** What the agent takes the desired properties for; for tests with a faulty agent. */
  readonly misreading?: (desired: JsonObject) => JsonObject;
  /** What is reported to the twin before each report, beside the truth. */
  readonly falseReport?: JsonObject;
}

/** Calls that leave nothing in memory beyond what the state's key holds anyway. */
const hubLabels = new Set(["report", "read twin", "connect", "time passes"]);

/** What one run of the agent works on: its environment, its pending calls, and the invariants that watch. */
export class Scheduler {
  environment: Environment;
  /** The state that the agent has saved last. */
  saved: AgentState | undefined;
  /** Called with the environment at each moment at which a crash may leave another one than before. */
  onCrashPoint: (environment: Environment) => void;
  /** True while a run repeats the steps of another, up to where it branches off. */
  isReplay = false;
  /** The disk fails the next write. */
  failsNextWrite = false;
  /** A write has failed, or will, and nothing was saved since: what the agent has decided waits. */
  isSaveOverdue = false;
  /** The agent's process was killed, and root's helper goes on until it finds that out. */
  isAgentKilled = false;
  #refusedUntilMs: number | undefined;
  /** What happened so far, for people. */
  readonly trace: string[] = [];
  /** Actions that were begun since the last save: what the agent may remember beyond its saved state. */
  readonly actionsSinceSave: string[] = [];
  /** Called after the next action; for tests with an agent that saves too late. */
  readonly afterAction: (() => void)[] = [];
  readonly pendingCalls = new PendingCalls();
  readonly timer: VirtualTimer;
  readonly scenario: Scenario;
  readonly runOptions: RunOptions;
  /** The first violation. The agent may catch it: it takes what a port throws for trouble with disk or connection. */
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

  /** The first violation. */
  get violation(): Violation | undefined {
    return this.#violation;
  }

  /** The quality of the system that runs. */
  get quality(): boardState.Quality {
    return qualityIn(this.environment)(boardState.runningVersionOf(this.environment.board) ?? "");
  }

  /** True when the system that runs cannot reach the hub. */
  get isHubUnreachable(): boolean {
    return this.quality === "offline";
  }

  /** Where root's helper installs, faults come from the installation on to the end of the job: the rest is tried without a helper. */
  get isInstalling(): boolean {
    return this.saved !== undefined && isPastStaging(this.saved.update);
  }

  /** Whether the disk fails a write now. */
  get isWriteFailing(): boolean {
    const { runOptions, timer } = this;
    if (!this.failsNextWrite) return false;
    this.#refusedUntilMs ??= timer.nowMs + (runOptions.writeFailureMs ?? 0);
    this.failsNextWrite = runOptions.writeFailureMs !== undefined && timer.nowMs < this.#refusedUntilMs;
    const isLast = runOptions.writeFailureMs === undefined;
    if (!this.failsNextWrite) this.#refusedUntilMs = undefined;
    return this.failsNextWrite || isLast;
  }

  /** For how many ms the disk will go on to fail, as text; empty while it has not begun. */
  get writeFailsForMs(): string {
    return this.#refusedUntilMs === undefined ? "" : String(this.#refusedUntilMs - this.timer.nowMs);
  }

  /** A call of the agent: it happens at its step, unless its signal aborts before that. */
  schedule<T>(label: string, isDuty: boolean, effect: () => T, signal?: AbortSignal): Promise<T> {
    return this.pendingCalls.wait(label, isDuty, effect, signal);
  }

  /** Takes the call that waits first. */
  takeNextCall(): Call | undefined {
    const call = this.pendingCalls.take();
    if (call !== undefined) this.record(call.label);
    return call;
  }

  /** Completes a call without a fault. */
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

  /** An action on the board begins: the invariants compare it with the saved states that a power cut would leave. */
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

  changeClock(how: (clock: ClockState) => ClockState): void {
    this.environment = { ...this.environment, clock: how(this.environment.clock) };
  }

  /** Where nothing else can happen, a time server sets the clock, and then the lease may expire. False when neither can happen. */
  changeClockInTheEnd(): boolean {
    const { scenario, environment, saved } = this;
    const { isSet, isLeaseExpired } = environment.clock;
    const expires = scenario.lease?.expiresInTheEnd === true && !isLeaseExpired && saved?.update.phase === "staged";
    if (isSet && !expires) return false;
    this.trace.push(isSet ? "the lease expires" : "the clock is set");
    this.changeClock((clock) => (isSet ? expireLease(clock, saved) : { ...clock, isSet: true }));
    return true;
  }

  crashPoint(): void {
    this.checked(() => invariants.checkBoard(this.environment));
    if (this.scenario.viaHelper === true) {
      const helper = this.checked(() => checkHelper(this.environment));
      if (helper !== this.environment.helper) this.environment = { ...this.environment, helper };
      if (!this.isInstalling || this.scenario.powerStays === true) return;
    }
    this.onCrashPoint({ ...this.environment, bootMs: this.timer.nowMs });
  }

  /** Runs a check, and keeps the first violation. */
  checked<T>(check: () => T): T {
    try {
      return check();
    } catch (thrown) {
      if (thrown instanceof Violation) this.#violation ??= thrown;
      throw thrown;
    }
  }

  record(label: string): void {
    this.trace.push(label);
    // An answer of the helper is followed by what the agent does next.
    if (!hubLabels.has(label) && !label.startsWith("helper says ")) this.actionsSinceSave.push(label);
  }
}
