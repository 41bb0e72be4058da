import { stateAfter, inject, possibleFaults, environmentsOfRepeating, isLatent, type Crash } from "./faults.ts";
import { resetKeys, runKey, environmentKey } from "./state-key.ts";
import { AgentRun, type RunEnd } from "./agent-run.ts";
import { afterProcessEnd, Violation } from "./observations.ts";
import { StateGraph } from "./state-graph.ts";
import type { InjectedFault, ReachedState } from "./equivalence.ts";
import type { RunOptions } from "./scheduler.ts";
import { drainEventLoop } from "./virtual-time.ts";
import { afterPowerCut, initialEnvironment, afterReboot, type Scenario, type Environment } from "./environment.ts";

/** A life to be lived: from where, with what going wrong at which step, and how it came to be. */
interface PlannedRun {
  readonly environment: Environment;
  readonly injected: readonly InjectedFault[];
  readonly faults: number;
  readonly before: Origin | undefined;
  /** The state that it branches off from, and whether by a fault. */
  readonly from: { readonly state: string; readonly byFault: boolean };
  /** The state that it comes to first, where that is known: another life may have come there in between. */
  readonly to?: string;
}

/** How one life became the next. */
interface Origin {
  readonly planned: PlannedRun;
  readonly step: number;
  readonly end: Crash | "reboot" | "death";
}

export interface Result {
  readonly scenario: string;
  readonly maxFaults: number;
  /** Ways in which the scenario can go, with at most so many faults. */
  readonly histories: number;
  readonly states: number;
  /** Lives of the agent that were lived to walk them all. */
  readonly runs: number;
  readonly cpuSeconds: number;
  /** The shortest history that violates something; undefined when there is none. */
  readonly violation: { readonly why: string; readonly history: readonly string[] } | undefined;
}

/** No life that goes somewhere takes as many steps. */
const maxSteps = 5_000;

export interface ExploreOptions {
  readonly maxFaults: number;
  readonly runOptions: RunOptions;
  /** Told two moments that were taken for one, and how many faults may still come after them. */
  readonly onMerge?: (one: ReachedState, other: ReachedState, faultsLeft: number) => void;
}

/**
 * Walks every history of a scenario with at most so many faults, those with fewer faults first. Two histories that come to
 * the same state go on as one: the one with fewer faults, which may still have as many as the other.
 */
export async function explore(scenario: Scenario, options: ExploreOptions): Promise<Result> {
  resetKeys(scenario);
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0; // Each run ends and cancels much; nobody reads where.
  try {
    return await new Exploration(scenario, options).run();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

class Exploration {
  readonly #scenario: Scenario;
  readonly #options: ExploreOptions;
  /** States of lives that were come to, with how many faults at the least. */
  readonly #seen = new Map<string, number>();
  /** Worlds in which a life was begun or is to be, the same. */
  readonly #started = new Map<string, number>();
  /** By the number of faults in them. */
  readonly #runs: PlannedRun[][];
  readonly #paths = new StateGraph();
  /** How each state was come to first, where somebody compares. */
  readonly #firsts = new Map<string, ReachedState>();
  #lives = 0;
  #lastMoment = "";
  readonly #began = process.cpuUsage();

  constructor(scenario: Scenario, options: ExploreOptions) {
    this.#scenario = scenario;
    this.#options = options;
    this.#runs = Array.from({ length: options.maxFaults + 1 }, () => []);
    const environment = initialEnvironment(scenario);
    this.#runs[0]?.push({
      environment,
      injected: [],
      faults: 0,
      before: undefined,
      from: { state: environmentKey(environment), byFault: false },
    });
  }

  async run(): Promise<Result> {
    const root = this.#runs[0]?.[0]?.from.state ?? "";
    for (const level of this.#runs) {
      for (let planned = level.pop(); planned !== undefined; planned = level.pop()) {
        try {
          await this.#explore(planned);
        } catch (thrown) {
          if (!(thrown instanceof Violation)) throw thrown;
          return this.#findings(0, { why: thrown.message, history: await this.#history(planned, maxSteps) });
        }
      }
    }
    const histories = this.#paths.countHistories(root, this.#options.maxFaults);
    if (histories !== undefined) return this.#findings(histories, undefined);
    return this.#findings(0, { why: "A history goes round in circles.", history: [] });
  }

  #findings(histories: number, violation: Result["violation"]): Result {
    const { user, system } = process.cpuUsage(this.#began);
    return {
      scenario: this.#scenario.name,
      maxFaults: this.#options.maxFaults,
      histories,
      states: this.#seen.size,
      runs: this.#lives,
      cpuSeconds: (user + system) / 1e6,
      violation,
    };
  }

  /** Lives one life to its end, or to where another one has been; notes every other way that it could have gone. */
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
      this.#paths.add(state, loaded, byFault);
      this.#compare(loaded, { environment, injected, step: -1 }, faults);
      if (!this.#isFirst(loaded, faults)) return;
      [state, byFault] = [loaded, false];
    }
    this.#lives += 1;
    run.start();
    try {
      for (; step < maxSteps; step += 1) {
        await drainEventLoop();
        const end = run.end;
        if (step > fresh) {
          const key = this.#nameOf(run.scheduler.environment, runKey(run, this.#options.maxFaults - faults), faults);
          this.#paths.add(state, key, byFault);
          if (again !== undefined) this.#paths.add(again, key, false);
          [state, byFault, again] = [key, false, undefined];
          const isNew = !this.#seen.has(key);
          this.#compare(key, { environment, injected, step }, faults);
          if (!isNew) return;
          this.#seen.set(key, faults);
          if (mayFail && end === undefined) again = this.#branch(planned, step, key, run);
        }
        if (end !== undefined) return await this.#end({ planned, step }, state, run, end);
        const chosen = injected.find((choice) => choice.step === step);
        if (step === fresh) run.scheduler.isReplay = false;
        if (chosen !== undefined) inject(run, chosen.fault);
        else if (!run.step()) throw new Violation("Nothing can happen any more, and something is unfinished.");
      }
      throw new Violation(`This run does not come to an end within ${maxSteps} steps.`);
    } finally {
      run.abandon();
    }
  }

  /**
   * Notes every other way to go on from here.
   * @returns the state "done once, to be done again", where that comes to the same as going on
   */
  #branch(planned: PlannedRun, step: number, state: string, run: AgentRun): string | undefined {
    const faults = planned.faults + 1;
    let again: string | undefined;
    for (const fault of possibleFaults(run)) {
      const injected = [...planned.injected, { step, fault }];
      if (isLatent(fault)) {
        const found = stateAfter(run, fault, this.#options.maxFaults - faults);
        const to = this.#nameOf(found.environment, found.key, faults);
        this.#paths.add(state, to, true);
        if (!this.#seen.has(to))
          this.#runs[faults]?.push({ ...planned, injected, faults, from: { state, byFault: true }, to });
        continue;
      }
      if (fault === "action done twice") {
        const environments = environmentsOfRepeating(run);
        if (environments !== undefined) {
          again = `${state} again`;
          this.#paths.add(state, again, true);
          if (faults < this.#options.maxFaults) {
            for (const environment of environments)
              this.#crash({ planned: { ...planned, faults }, step }, again, environment);
          }
          continue;
        }
      }
      this.#runs[faults]?.push({ ...planned, injected, faults, from: { state, byFault: true } });
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
        return this.#begin(run.scheduler.environment, faults, { ...at, end: "death" }, from);
      case "rebooted":
        for (const environment of afterReboot(run.scheduler.environment, this.#scenario)) {
          this.#begin(environment, faults, { ...at, end: "reboot" }, from);
        }
    }
  }

  /** Every world in which the agent may find itself after a crash here. */
  #crash(at: Omit<Origin, "end">, state: string, now: Environment): void {
    const moment = `${state} ${environmentKey(now)}`;
    if (moment === this.#lastMoment) return; // Nothing has changed that a crash could tell apart.
    this.#lastMoment = moment;
    const faults = at.planned.faults + 1;
    const from = { state, byFault: true };
    this.#begin(now, faults, { ...at, end: "process killed" }, from);
    for (const environment of afterPowerCut(now, this.#scenario))
      this.#begin(environment, faults, { ...at, end: "power cut" }, from);
  }

  #begin(found: Environment, faults: number, before: Origin, from: PlannedRun["from"]): void {
    const environment = { ...found, observations: afterProcessEnd(found.observations) };
    const state = this.#nameOf(environment, environmentKey(environment), faults);
    this.#paths.add(from.state, state, from.byFault);
    if (!this.#isFirst(state, faults)) return;
    this.#runs[faults]?.push({ environment, injected: [], faults, before, from: { state, byFault: false } });
  }

  /** A world may be found with more faults before it is found with fewer: only the fewest leave all others to come. */
  #isFirst(environment: string, faults: number): boolean {
    if ((this.#started.get(environment) ?? Infinity) <= faults) return false;
    this.#started.set(environment, faults);
    return true;
  }

  /**
   * The name of a state in the graph. One in which a good job may rightly end badly is another than one in which it may not,
   * unless that was come to before, with no more faults: there more was asked of all that follows.
   */
  #nameOf({ observations }: Environment, key: string, faults: number): string {
    if (!observations.badEndExcused) return key;
    const strict = this.#seen.get(key) ?? this.#started.get(key) ?? Infinity;
    return strict <= faults ? key : `${key} excused`;
  }

  /** Shows whoever asks for it that this moment is taken for one that was come to before. */
  #compare(state: string, moment: ReachedState, faults: number): void {
    const { onMerge, maxFaults: mostFaults } = this.#options;
    if (onMerge === undefined) return;
    const first = this.#firsts.get(state);
    if (first === undefined) this.#firsts.set(state, moment);
    else onMerge(first, moment, mostFaults - faults);
  }

  /** How it came to a step of a life, in words. */
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
        const chosen = injected.find((choice) => choice.step === step);
        if (chosen !== undefined) inject(run, chosen.fault);
        else if (!run.step()) break;
      }
    } catch (thrown) {
      if (!(thrown instanceof Violation)) throw thrown;
    }
    return run.scheduler.trace;
  }
}
