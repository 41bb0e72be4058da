import { stateAfter, inject, possibleFaults, environmentsOfRepeating, isLatent, type Crash } from "./faults.ts";
import { resetKeys } from "./disk-key.ts";
import { environmentKey, runKey } from "./state-key.ts";
import { AgentRun, type RunEnd } from "./agent-run.ts";
import { afterProcessEnd, Violation } from "./observations.ts";
import { StateGraph } from "./state-graph.ts";
import type { InjectedFault, ReachedState } from "./equivalence.ts";
import type { RunOptions } from "./scheduler.ts";
import { drainEventLoop } from "./virtual-time.ts";
import { afterPowerCut, initialEnvironment, afterReboot, type Scenario, type Environment } from "./environment.ts";

/** A run of the agent that is to be made: from which environment, with which faults at which steps, and how it was reached. */
interface PlannedRun {
  readonly environment: Environment;
  readonly injected: readonly InjectedFault[];
  readonly faults: number;
  readonly before: Origin | undefined;
  /** The state from which it branches off, and whether by a fault. */
  readonly from: { readonly state: string; readonly byFault: boolean };
  /** Its first state, where that is known: if another run reaches that state before, this run is not needed. */
  readonly to?: string;
}

/** How the run before ended. */
interface Origin {
  readonly planned: PlannedRun;
  readonly step: number;
  readonly end: Crash | "reboot" | "death";
}

export interface Result {
  readonly scenario: string;
  readonly maxFaults: number;
  /** The number of histories with at most so many faults. */
  readonly histories: number;
  readonly states: number;
  /** Runs of the agent that were made to explore them all. */
  readonly runs: number;
  readonly cpuSeconds: number;
  /** The shortest history that violates something; undefined when there is none. */
  readonly violation: { readonly why: string; readonly history: readonly string[] } | undefined;
}

/** A run that gets anywhere takes fewer steps. */
const maxSteps = 5_000;

export interface ExploreOptions {
  readonly maxFaults: number;
  readonly runOptions: RunOptions;
  /** Called with two states that have the same key, and how many faults may still follow. */
  readonly onMerge?: (one: ReachedState, other: ReachedState, faultsLeft: number) => void;
}

/**
 * Explores every history of a scenario with at most so many faults, those with fewer faults first. Histories that reach the
 * same state are merged: the one with the fewest faults goes on, which may still meet all that the others could.
 */
export async function explore(scenario: Scenario, options: ExploreOptions): Promise<Result> {
  resetKeys(scenario.qualities.includes("crashing"));
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0; // Each run ends in many aborts, and nobody reads their stacks.
  try {
    return await new Exploration(scenario, options).run();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

class Exploration {
  readonly #scenario: Scenario;
  readonly #options: ExploreOptions;
  /** States of runs that were reached, with the smallest number of faults. */
  readonly #seen = new Map<string, number>();
  /** Environments in which a run was started or is planned, the same. */
  readonly #started = new Map<string, number>();
  /** Runs still to be made, by their number of faults. */
  readonly #planned: PlannedRun[][];
  readonly #graph = new StateGraph();
  /** How each state was reached first; filled for `onMerge` alone. */
  readonly #firstReached = new Map<string, ReachedState>();
  #runCount = 0;
  #lastCrash = "";
  readonly #cpuBefore = process.cpuUsage();

  constructor(scenario: Scenario, options: ExploreOptions) {
    this.#scenario = scenario;
    this.#options = options;
    this.#planned = Array.from({ length: options.maxFaults + 1 }, () => []);
    const environment = initialEnvironment(scenario);
    const from = { state: environmentKey(environment), byFault: false };
    this.#planned[0]?.push({ environment, injected: [], faults: 0, before: undefined, from });
  }

  async run(): Promise<Result> {
    const root = this.#planned[0]?.[0]?.from.state ?? "";
    for (const level of this.#planned) {
      for (let planned = level.pop(); planned !== undefined; planned = level.pop()) {
        try {
          await this.#explore(planned);
        } catch (thrown) {
          if (!(thrown instanceof Violation)) throw thrown;
          return this.#result(0, { why: thrown.message, history: await this.#history(planned, maxSteps) });
        }
      }
    }
    const histories = this.#graph.countHistories(root, this.#options.maxFaults);
    if (histories !== undefined) return this.#result(histories, undefined);
    return this.#result(0, { why: "A history goes round in circles.", history: [] });
  }

  #result(histories: number, violation: Result["violation"]): Result {
    const { user, system } = process.cpuUsage(this.#cpuBefore);
    return {
      scenario: this.#scenario.name,
      maxFaults: this.#options.maxFaults,
      histories,
      states: this.#seen.size,
      runs: this.#runCount,
      cpuSeconds: (user + system) / 1e6,
      violation,
    };
  }

  /** Makes one run to its end, or to a state that is known; plans a run for every other way in which it could go on. */
  async #explore(planned: PlannedRun): Promise<void> {
    const { injected, faults, environment } = planned;
    if (planned.to !== undefined && this.#seen.has(planned.to)) return;
    const mayFail = faults < this.#options.maxFaults;
    const fresh = injected.at(-1)?.step ?? -1;
    let step = 0;
    let { state, byFault } = planned.from;
    let again: string | undefined;
    const run = new AgentRun(environment, this.#scenario, this.#options.runOptions, (now) => {
      if (mayFail && !run.scheduler.isReplay) this.#crash({ planned, step }, state, now);
    });
    run.scheduler.isReplay = injected.length > 0;
    await run.load();
    if (!run.scheduler.isReplay) {
      const loaded = this.#nameOf(
        run.scheduler.environment,
        `loaded ${environmentKey(run.scheduler.environment)}`,
        faults,
      );
      this.#graph.add(state, loaded, byFault);
      this.#compare(loaded, { environment, injected, step: -1 }, faults);
      if (!this.#isFirst(loaded, faults)) return;
      [state, byFault] = [loaded, false];
    }
    this.#runCount += 1;
    run.start();
    try {
      for (; step < maxSteps; step += 1) {
        await drainEventLoop();
        const end = run.end;
        if (step > fresh) {
          const key = this.#nameOf(run.scheduler.environment, runKey(run, this.#options.maxFaults - faults), faults);
          this.#graph.add(state, key, byFault);
          if (again !== undefined) this.#graph.add(again, key, false);
          [state, byFault, again] = [key, false, undefined];
          const isNew = !this.#seen.has(key);
          this.#compare(key, { environment, injected, step }, faults);
          if (!isNew) return;
          this.#seen.set(key, faults);
          if (mayFail && end === undefined) again = this.#branch(planned, step, key, run);
        }
        if (end !== undefined) return await this.#end({ planned, step }, state, run, end);
        const due = injected.find((one) => one.step === step);
        if (step === fresh) run.scheduler.isReplay = false;
        if (due !== undefined) inject(run, due.fault);
        else if (!run.step()) throw new Violation("Nothing can happen any more, and something is unfinished.");
      }
      throw new Violation(`This run does not end within ${maxSteps} steps.`);
    } finally {
      run.abandon();
    }
  }

  /**
   * Plans a run for every fault that can come here.
   * @returns the name of the state "done once, to be done again", where a repetition changes nothing
   */
  #branch(planned: PlannedRun, step: number, state: string, run: AgentRun): string | undefined {
    const faults = planned.faults + 1;
    let again: string | undefined;
    for (const fault of possibleFaults(run)) {
      const injected = [...planned.injected, { step, fault }];
      if (isLatent(fault)) {
        const found = stateAfter(run, fault, this.#options.maxFaults - faults);
        const to = this.#nameOf(found.environment, found.key, faults);
        this.#graph.add(state, to, true);
        if (!this.#seen.has(to))
          this.#planned[faults]?.push({ ...planned, injected, faults, from: { state, byFault: true }, to });
        continue;
      }
      if (fault === "action done twice") {
        const environments = environmentsOfRepeating(run);
        if (environments !== undefined) {
          again = `${state} again`;
          this.#graph.add(state, again, true);
          if (faults < this.#options.maxFaults) {
            for (const environment of environments)
              this.#crash({ planned: { ...planned, faults }, step }, again, environment);
          }
          continue;
        }
      }
      this.#planned[faults]?.push({ ...planned, injected, faults, from: { state, byFault: true } });
    }
    return again;
  }

  async #end(at: Omit<Origin, "end">, state: string, run: AgentRun, end: RunEnd): Promise<void> {
    const { faults } = at.planned;
    const from = { state, byFault: false };
    switch (end) {
      case "finished":
        return await run.checkEnd(faults);
      case "died":
        return this.#plan(run.scheduler.environment, faults, { ...at, end: "death" }, from);
      case "rebooted":
        for (const environment of afterReboot(run.scheduler.environment, this.#scenario)) {
          this.#plan(environment, faults, { ...at, end: "reboot" }, from);
        }
    }
  }

  /** Plans a run in every environment that a crash here may leave. */
  #crash(at: Omit<Origin, "end">, state: string, now: Environment): void {
    const key = `${state} ${environmentKey(now)}`;
    if (key === this.#lastCrash) return; // A crash just before would leave the same.
    this.#lastCrash = key;
    const faults = at.planned.faults + 1;
    const from = { state, byFault: true };
    this.#plan(now, faults, { ...at, end: "process killed" }, from);
    for (const environment of afterPowerCut(now, this.#scenario))
      this.#plan(environment, faults, { ...at, end: "power cut" }, from);
  }

  #plan(found: Environment, faults: number, before: Origin, from: PlannedRun["from"]): void {
    const environment = { ...found, observations: afterProcessEnd(found.observations) };
    const state = this.#nameOf(environment, environmentKey(environment), faults);
    this.#graph.add(from.state, state, from.byFault);
    if (!this.#isFirst(state, faults)) return;
    this.#planned[faults]?.push({ environment, injected: [], faults, before, from: { state, byFault: false } });
  }

  /** An environment may be reached with more faults before it is reached with fewer, which leave more faults to come. */
  #isFirst(environment: string, faults: number): boolean {
    if ((this.#started.get(environment) ?? Infinity) <= faults) return false;
    this.#started.set(environment, faults);
    return true;
  }

  /**
   * The name of a state in the graph. A state in which a good job may end badly is another than one in which it must not,
   * unless the strict one was reached before with no more faults: there the invariants demand more of all that follows.
   */
  #nameOf({ observations }: Environment, key: string, faults: number): string {
    if (!observations.badEndExcused) return key;
    const strict = this.#seen.get(key) ?? this.#started.get(key) ?? Infinity;
    return strict <= faults ? key : `${key} excused`;
  }

  /** Reports that this state has the key of one that was reached before. */
  #compare(state: string, reached: ReachedState, faults: number): void {
    const { onMerge, maxFaults } = this.#options;
    if (onMerge === undefined) return;
    const first = this.#firstReached.get(state);
    if (first === undefined) this.#firstReached.set(state, reached);
    else onMerge(first, reached, maxFaults - faults);
  }

  /** The steps that lead to a step of a run, for people. */
  async #history(planned: PlannedRun, steps: number): Promise<string[]> {
    const { before } = planned;
    const earlier = before === undefined ? [] : await this.#history(before.planned, before.step);
    const event = before === undefined ? [] : [`=== ${before.end} ===`];
    return [...earlier, ...event, ...(await this.#replay(planned, steps))];
  }

  async #replay({ environment, injected }: PlannedRun, steps: number): Promise<string[]> {
    const run = new AgentRun(environment, this.#scenario, this.#options.runOptions, () => undefined);
    try {
      await run.load();
      run.start();
      for (let step = 0; step <= steps; step += 1) {
        await drainEventLoop();
        if (run.end !== undefined) break;
        const due = injected.find((one) => one.step === step);
        if (due !== undefined) inject(run, due.fault);
        else if (!run.step()) break;
      }
    } catch (thrown) {
      if (!(thrown instanceof Violation)) throw thrown;
    }
    return run.scheduler.trace;
  }
}
