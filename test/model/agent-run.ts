import * as boardState from "./board-state.ts";
import * as invariants from "./invariants.ts";
import type { Agent } from "../../agent/agent.ts";
import { createAgent } from "../../agent/create-agent.ts";
import { ChecksummedStateFile } from "../../agent/board/fs/state-file.ts";
import { BootCounterFile } from "../../agent/board/fs/boot-counter-file.ts";
import type { StateFile } from "../../agent/state/ports.ts";
import type { LoadQuality, AgentState } from "../../agent/operations/agent-state.ts";
import { parseSettings } from "../../agent/config/parse-settings.ts";
import { isRunning } from "../../agent/update/machine.ts";
import { bareInventory } from "../support/inventory.ts";
import { quiet } from "../support/logs.ts";
import { makeInstaller, powerOf } from "./board-double.ts";
import { HelperDouble } from "./helper-double.ts";
import { checkCompleted } from "./helper-invariants.ts";
import { readClock, type ClockState } from "./clock-state.ts";
import { digest, makeDisk, fetchInto, makeStaging } from "./disk-double.ts";
import { stateFolder } from "./disk-state.ts";
import { HubDouble } from "./hub-double.ts";
import { noTrust, signedTrust, TrustDouble } from "./trust-double.ts";
import { Scheduler, type RunOptions } from "./scheduler.ts";
import type { Instant } from "./virtual-time.ts";
import { TwinChecker } from "./twin-checker.ts";
import type { Scenario, Environment } from "./environment.ts";

export type RunEnd = "rebooted" | "died" | "finished";

const settings = parseSettings([
  {
    source: "model checker",
    values: {
      "update.installer": "command",
      "update.repository": "https://images.example",
      "update.healthy-for-seconds": 1,
      "health.every-seconds": 0,
      "update.prove-within-seconds": 6,
      "simulation.pause-seconds": 3,
    },
  },
]).settings;

const version = "1";

/**
 * One run of the agent's process in an environment: the whole production agent, with every port in the hands of the
 * scheduler. A call waits for its step; between two steps everything runs that can.
 */
export class AgentRun {
  readonly scheduler: Scheduler;
  readonly hubDouble: HubDouble;
  /** Root's helpers; nobody asks them where the agent installs by itself. */
  readonly helper: HelperDouble;
  readonly #twin = new TwinChecker();
  #savedAt: Instant;
  #file: ChecksummedStateFile | undefined;
  #loadQuality: LoadQuality = "latest";
  #agent: Agent | undefined;
  #death: unknown;
  /** How often the wall clock was read. */
  #readings = 0;
  #clockAtStart: ClockState | undefined;

  constructor(
    environment: Environment,
    scenario: Scenario,
    runOptions: RunOptions,
    onCrashPoint: (environment: Environment) => void,
  ) {
    this.scheduler = new Scheduler(environment, scenario, runOptions, onCrashPoint);
    this.hubDouble = new HubDouble(this.scheduler, this.#twin, (why) => (this.#death = why));
    this.helper = new HelperDouble(this.scheduler, () => this.#twin.versionMayHaveChanged(this.scheduler.environment));
    this.#savedAt = this.scheduler.timer.instant;
  }

  /** The process starts and reads its saved state. */
  async load(): Promise<void> {
    const { scheduler } = this;
    this.#file = new ChecksummedStateFile(stateFolder, makeDisk(scheduler));
    const { saved, loadQuality, problems } = await this.#file.load();
    scheduler.saved = saved;
    this.#loadQuality = loadQuality;
    scheduler.environment = invariants.observeStart(scheduler.environment, saved, problems);
  }

  /** The agent begins its work with the state that was read. */
  start(): void {
    const { environment, saved, scenario } = this.scheduler;
    this.#clockAtStart = environment.clock;
    const startedAt = this.#wallClock(0).toISOString();
    const agent = { version, mode: scenario.mode, startedAt };
    const trust = scenario.isSigned === true ? signedTrust : noTrust;
    if (this.helper.isUsed) this.#twin.versionMayBeUnknown();
    this.#twin.start(environment, saved, { agent, board: { ...bareInventory, compatible: [] }, trust });
    this.#start().then(
      (started) => (this.#agent = started),
      (why: unknown) => (this.#death = why ?? new Error("unknown")),
    );
  }

  /** Ends the run early. Node keeps a combined signal and its listeners until it aborts: so all are aborted. */
  abandon(): void {
    this.scheduler.onCrashPoint = () => undefined;
    this.#agent?.stop().catch(() => undefined); // The run is over: how its work fails means nothing.
    this.helper.abandon();
  }

  /**
   * How this run has ended; undefined while it goes on.
   * @throws Violation if there was one so far, even if the agent has caught it
   */
  get end(): RunEnd | undefined {
    const { violation, environment } = this.scheduler;
    if (violation !== undefined) throw violation;
    if (this.#death !== undefined) return "died";
    if (this.scheduler.isAgentKilled) return this.helper.isAlive ? undefined : "died";
    if (environment.board.goingDown) return "rebooted";
    return this.#isFinished() ? "finished" : undefined;
  }

  /** Lets the next thing happen that happens without a fault. False when there is none. */
  step(): boolean {
    const { scheduler, hubDouble } = this;
    if (!scheduler.isAgentKilled && hubDouble.isReadingDue && this.#letTimePass()) return true;
    const next = scheduler.takeNextCall();
    if (next !== undefined) {
      this.helper.observe(next.label);
      scheduler.complete(next);
      return true;
    }
    if (scheduler.isAgentKilled) return false; // Its helper ends by itself.
    if (hubDouble.isSupersedingDue) {
      scheduler.trace.push("new desired document");
      hubDouble.setDesired(scheduler.scenario.supersededBy ?? {});
      return true;
    }
    const request = hubDouble.nextRequest;
    if (request !== undefined) {
      hubDouble.deliver(request);
      return true;
    }
    if (scheduler.quality === "crashing") {
      this.#death = new Error("This system's agent crashes.");
      return true;
    }
    if (scheduler.changeClockInTheEnd()) return true;
    return this.#letTimePass();
  }

  /** Lets time pass until the next wait ends. False when nothing waits. */
  #letTimePass(): boolean {
    const { scheduler, hubDouble } = this;
    const woke = scheduler.timer.advanceToNext();
    if (woke) {
      scheduler.record("time passes");
      hubDouble.timePassed();
    }
    scheduler.environment = { ...scheduler.environment, bootMs: scheduler.timer.nowMs };
    return woke;
  }

  /** Checks what must hold when nothing is left to do. */
  async checkEnd(faults: number): Promise<void> {
    const { environment, saved } = this.scheduler;
    invariants.checkEnd(environment, saved, faults);
    const said = await this.hubDouble.callMethod("getStatus", null);
    if (said !== undefined) this.#twin.checkEnd(environment, said);
  }

  /** What the agent's memory may hold beyond its saved state and the calls under way; a part of the state's key. */
  get memoryKey(): string {
    const {
      saved,
      timer,
      scenario,
      failsNextWrite: refusal,
      writeFailsForMs: refusedFor,
      actionsSinceSave: sinceSave,
    } = this.scheduler;
    const phase = saved?.update.phase;
    // In these a deadline counts from the save before.
    const isTimed = phase === "staged" || phase === "proving" || scenario.mode === "simulated";
    const waitedMs = isTimed ? timer.nowMs - this.#savedAt.atMs : 0;
    const hub = this.hubDouble.memoryKey(phase === "proving" ? this.#savedAt : undefined);
    const { isAgentKilled } = this.scheduler;
    return [
      this.helper.memoryKey,
      isAgentKilled,
      this.#death !== undefined,
      refusal,
      refusedFor,
      waitedMs,
      ...hub,
      ...sinceSave,
    ].join("|");
  }

  #wallClock(reading: number): Date {
    const { environment, runOptions } = this.scheduler;
    const isStale = runOptions.clockMistake === "read at the start alone";
    return readClock((isStale ? this.#clockAtStart : undefined) ?? environment.clock, environment.board.boots, reading);
  }

  async #isClockSet(): Promise<boolean> {
    const { environment, runOptions } = this.scheduler;
    return environment.clock.isSet || runOptions.clockMistake === "not asked whether it is set";
  }

  async #start(): Promise<Agent> {
    const { scheduler, hubDouble } = this;
    const { timer, runOptions, scenario, environment } = scheduler;
    const trials = new BootCounterFile(stateFolder, makeDisk(scheduler));
    const agent = createAgent(
      {
        version,
        mode: scenario.mode,
        setLogLevel: () => undefined,
        runtime: {
          wallClock: { now: () => this.#wallClock(this.#readings++), synchronized: () => this.#isClockSet() },
          bootClock: { nowMs: () => Math.round(timer.nowMs) },
          timer,
          // The shortest pauses, except where the hub cannot be reached: how often that is tried decides nothing.
          random: () => (scheduler.isHubUnreachable ? 0.999 : 0),
          newId: () => "unnamed",
          digest,
          log: quiet,
        },
        bootId: boardState.bootIdOf(environment.board),
        identity: "model",
        inventory: bareInventory,
        findHardwareInfo: () => Promise.resolve(null),
        readMetrics: () => Promise.reject(new Error("Nobody asks: no health is reported here.")),
        stateFile: runOptions.makeStateFile?.(this.#watched(), scheduler) ?? this.#watched(),
        loadedState: scheduler.saved,
        loadQuality: this.#loadQuality,
        startupAlerts: [],
        bootCounter: runOptions.makeTrials?.(trials, scheduler) ?? trials,
        staging: makeStaging(scheduler),
        partialStore: { open: () => Promise.reject(new Error("No image is uploaded here.")) },
        downloader: {
          download: (order, _onProgress, signal) =>
            scheduler.schedule("fetch", true, () => fetchInto(scheduler, order.uris[0] ?? "", order.path), signal),
        },
        installer: this.helper.isUsed
          ? this.helper.installer
          : makeInstaller(scheduler, () => {
              this.#twin.versionMayHaveChanged(scheduler.environment);
              if (scheduler.isHubUnreachable) hubDouble.loseConnection();
            }),
        trust: new TrustDouble(scheduler),
        rebootPort: powerOf(scheduler),
        connect: (signal) => hubDouble.connect(signal),
      },
      settings,
    );
    agent.start();
    return agent;
  }

  /** The state file, with the checkers notified of each save. */
  #watched(): StateFile<AgentState> {
    const { scheduler } = this;
    const file = this.#file;
    if (file === undefined) throw new Error("An agent begins on what it has read.");
    return {
      save: async (next) => {
        await file.save(next);
        scheduler.checked(() => invariants.checkLease(scheduler.environment, next));
        if (scheduler.scenario.viaHelper === true) scheduler.checked(() => checkCompleted(scheduler.environment, next));
        scheduler.saved = next;
        scheduler.isSaveOverdue = false;
        scheduler.actionsSinceSave.length = 0;
        this.#savedAt = scheduler.timer.instant;
        this.hubDouble.stateSaved(next);
        this.#twin.stateSaved(next);
        scheduler.environment = scheduler.checked(() => invariants.observeSave(scheduler.environment, next));
        scheduler.crashPoint();
      },
    };
  }

  /** Nothing is under way, and nothing but a new request could change that. */
  #isFinished(): boolean {
    const { scheduler, hubDouble } = this;
    const { saved, pendingCalls: calls, timer, environment } = scheduler;
    if (this.#agent === undefined || saved === undefined || calls.next !== undefined) return false;
    if (hubDouble.isConnected ? timer.waitsMs.length > 0 : !scheduler.isHubUnreachable) return false;
    const { update, reboot } = saved;
    const waits = update.phase === "staged" && update.job.apply === "manual" && scheduler.scenario.lease === undefined;
    if (isRunning(update) && !waits) return false;
    if (["scheduled", "waiting", "rebooting"].includes(reboot.phase)) return false;
    return (
      !hubDouble.isSupersedingDue &&
      hubDouble.nextRequest === undefined &&
      environment.hub.requests.every(({ reply, whenPhase }) => reply !== null || whenPhase !== undefined)
    );
  }
}
