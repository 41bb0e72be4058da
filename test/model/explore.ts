import { after, disturb, possible, twice } from "./inject-fault.ts";
import { isSilent, type Crash } from "./faults.ts";
import { forgetKeys, lifeKey, worldKey } from "./state-key.ts";
import { Life, type Ending } from "./agent-run.ts";
import { afterDeath } from "./observations.ts";
import { Paths } from "./state-graph.ts";
import type { Choice, Moment } from "./equivalence.ts";
import type { Grain } from "./scheduler.ts";
import { turn } from "./virtual-time.ts";
import { Violation } from "./violation.ts";
import { cutOff, newWorld, rebooted, type Scenario, type World } from "./environment.ts";

/** A life to be lived: from where, with what going wrong at which step, and how it came to be. */
interface Run {
  readonly world: World;
  readonly choices: readonly Choice[];
  readonly faults: number;
  readonly before: Turn | undefined;
  /** The state that it branches off from, and whether by a fault. */
  readonly from: { readonly state: string; readonly byFault: boolean };
  /** The state that it comes to first, where that is known: another life may have come there in between. */
  readonly to?: string;
}

/** How one life became the next. */
interface Turn {
  readonly run: Run;
  readonly step: number;
  readonly end: Crash | "reboot" | "death";
}

export interface Findings {
  readonly scenario: string;
  readonly mostFaults: number;
  /** Ways in which the scenario can go, with at most so many faults. */
  readonly histories: number;
  readonly states: number;
  /** Lives of the agent that were lived to walk them all. */
  readonly lives: number;
  readonly cpuSeconds: number;
  /** The shortest history that violates something; undefined when there is none. */
  readonly violation: { readonly why: string; readonly history: readonly string[] } | undefined;
}

/** No life that goes somewhere takes as many steps. */
const longestLife = 5_000;

export interface Options {
  readonly mostFaults: number;
  readonly grain: Grain;
  /** Told two moments that were taken for one, and how many faults may still come after them. */
  readonly onMerge?: (one: Moment, other: Moment, faultsLeft: number) => void;
}

/**
 * Walks every history of a scenario with at most so many faults, those with fewer faults first. Two histories that come to
 * the same state go on as one: the one with fewer faults, which may still have as many as the other.
 */
export async function explore(scenario: Scenario, options: Options): Promise<Findings> {
  forgetKeys(scenario);
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0; // Each life ends and cancels much; nobody reads where.
  try {
    return await new Search(scenario, options).run();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

class Search {
  readonly #scenario: Scenario;
  readonly #options: Options;
  /** States of lives that were come to, with how many faults at the least. */
  readonly #seen = new Map<string, number>();
  /** Worlds in which a life was begun or is to be, the same. */
  readonly #started = new Map<string, number>();
  /** By the number of faults in them. */
  readonly #runs: Run[][];
  readonly #paths = new Paths();
  /** How each state was come to first, where somebody compares. */
  readonly #firsts = new Map<string, Moment>();
  #lives = 0;
  #lastMoment = "";
  readonly #began = process.cpuUsage();

  constructor(scenario: Scenario, options: Options) {
    this.#scenario = scenario;
    this.#options = options;
    this.#runs = Array.from({ length: options.mostFaults + 1 }, () => []);
    const world = newWorld(scenario);
    this.#runs[0]?.push({
      world,
      choices: [],
      faults: 0,
      before: undefined,
      from: { state: worldKey(world), byFault: false },
    });
  }

  async run(): Promise<Findings> {
    const root = this.#runs[0]?.[0]?.from.state ?? "";
    for (const level of this.#runs) {
      for (let run = level.pop(); run !== undefined; run = level.pop()) {
        try {
          await this.#live(run);
        } catch (thrown) {
          if (!(thrown instanceof Violation)) throw thrown;
          return this.#findings(0, { why: thrown.message, history: await this.#story(run, longestLife) });
        }
      }
    }
    const histories = this.#paths.count(root, this.#options.mostFaults);
    if (histories !== undefined) return this.#findings(histories, undefined);
    return this.#findings(0, { why: "A history goes round in circles.", history: [] });
  }

  #findings(histories: number, violation: Findings["violation"]): Findings {
    const { user, system } = process.cpuUsage(this.#began);
    return {
      scenario: this.#scenario.name,
      mostFaults: this.#options.mostFaults,
      histories,
      states: this.#seen.size,
      lives: this.#lives,
      cpuSeconds: (user + system) / 1e6,
      violation,
    };
  }

  /** Lives one life to its end, or to where another one has been; notes every other way that it could have gone. */
  async #live(run: Run): Promise<void> {
    const { choices, faults, world } = run;
    if (run.to !== undefined && this.#seen.has(run.to)) return;
    const mayFail = faults < this.#options.mostFaults;
    const fresh = choices.at(-1)?.step ?? -1;
    let step = 0;
    let { state, byFault } = run.from;
    let again: string | undefined;
    const life = new Life(world, this.#scenario, this.#options.grain, (now) => {
      if (mayFail && !life.stage.isRetold) this.#crash({ run, step }, state, now);
    });
    life.stage.isRetold = choices.length > 0;
    await life.load();
    if (!life.stage.isRetold) {
      const loaded = this.#nameOf(life.stage.world, `loaded ${worldKey(life.stage.world)}`, faults);
      this.#paths.add(state, loaded, byFault);
      this.#compare(loaded, { world, choices, step: -1 }, faults);
      if (!this.#isFirst(loaded, faults)) return;
      [state, byFault] = [loaded, false];
    }
    this.#lives += 1;
    life.begin();
    try {
      for (; step < longestLife; step += 1) {
        await turn();
        const ending = life.ending;
        if (step > fresh) {
          const key = this.#nameOf(life.stage.world, lifeKey(life, this.#options.mostFaults - faults), faults);
          this.#paths.add(state, key, byFault);
          if (again !== undefined) this.#paths.add(again, key, false);
          [state, byFault, again] = [key, false, undefined];
          const isNew = !this.#seen.has(key);
          this.#compare(key, { world, choices, step }, faults);
          if (!isNew) return;
          this.#seen.set(key, faults);
          if (mayFail && ending === undefined) again = this.#disturb(run, step, key, life);
        }
        if (ending !== undefined) return await this.#end({ run, step }, state, life, ending);
        const chosen = choices.find((choice) => choice.step === step);
        if (step === fresh) life.stage.isRetold = false;
        if (chosen !== undefined) disturb(life, chosen.fault);
        else if (!life.goOn()) throw new Violation("Nothing can happen any more, and something is unfinished.");
      }
      throw new Violation(`This life does not come to an end within ${longestLife} steps.`);
    } finally {
      life.abandon();
    }
  }

  /**
   * Notes every other way to go on from here.
   * @returns the state "done once, to be done again", where that comes to the same as going on
   */
  #disturb(run: Run, step: number, state: string, life: Life): string | undefined {
    const faults = run.faults + 1;
    let again: string | undefined;
    for (const fault of possible(life)) {
      const choices = [...run.choices, { step, fault }];
      if (isSilent(fault)) {
        const found = after(life, fault, this.#options.mostFaults - faults);
        const to = this.#nameOf(found.world, found.key, faults);
        this.#paths.add(state, to, true);
        if (!this.#seen.has(to))
          this.#runs[faults]?.push({ ...run, choices, faults, from: { state, byFault: true }, to });
        continue;
      }
      if (fault === "duty done twice") {
        const worlds = twice(life);
        if (worlds !== undefined) {
          again = `${state} again`;
          this.#paths.add(state, again, true);
          if (faults < this.#options.mostFaults) {
            for (const world of worlds) this.#crash({ run: { ...run, faults }, step }, again, world);
          }
          continue;
        }
      }
      this.#runs[faults]?.push({ ...run, choices, faults, from: { state, byFault: true } });
    }
    return again;
  }

  async #end(at: Omit<Turn, "end">, state: string, life: Life, ending: Ending): Promise<void> {
    const { faults } = at.run;
    const from = { state, byFault: false };
    switch (ending) {
      case "finished":
        return await life.checkEnd(faults);
      case "died":
        return this.#begin(life.stage.world, faults, { ...at, end: "death" }, from);
      case "rebooted":
        for (const world of rebooted(life.stage.world, this.#scenario)) {
          this.#begin(world, faults, { ...at, end: "reboot" }, from);
        }
    }
  }

  /** Every world in which the agent may find itself after a crash here. */
  #crash(at: Omit<Turn, "end">, state: string, now: World): void {
    const moment = `${state} ${worldKey(now)}`;
    if (moment === this.#lastMoment) return; // Nothing has changed that a crash could tell apart.
    this.#lastMoment = moment;
    const faults = at.run.faults + 1;
    const from = { state, byFault: true };
    this.#begin(now, faults, { ...at, end: "process killed" }, from);
    for (const world of cutOff(now, this.#scenario)) this.#begin(world, faults, { ...at, end: "power cut" }, from);
  }

  #begin(found: World, faults: number, before: Turn, from: Run["from"]): void {
    const world = { ...found, ledger: afterDeath(found.ledger) };
    const state = this.#nameOf(world, worldKey(world), faults);
    this.#paths.add(from.state, state, from.byFault);
    if (!this.#isFirst(state, faults)) return;
    this.#runs[faults]?.push({ world, choices: [], faults, before, from: { state, byFault: false } });
  }

  /** A world may be found with more faults before it is found with fewer: only the fewest leave all others to come. */
  #isFirst(world: string, faults: number): boolean {
    if ((this.#started.get(world) ?? Infinity) <= faults) return false;
    this.#started.set(world, faults);
    return true;
  }

  /**
   * The name of a state in the graph. One in which a good job may rightly end badly is another than one in which it may not,
   * unless that was come to before, with no more faults: there more was asked of all that follows.
   */
  #nameOf({ ledger }: World, key: string, faults: number): string {
    if (!ledger.excused) return key;
    const strict = this.#seen.get(key) ?? this.#started.get(key) ?? Infinity;
    return strict <= faults ? key : `${key} excused`;
  }

  /** Shows whoever asks for it that this moment is taken for one that was come to before. */
  #compare(state: string, moment: Moment, faults: number): void {
    const { onMerge, mostFaults } = this.#options;
    if (onMerge === undefined) return;
    const first = this.#firsts.get(state);
    if (first === undefined) this.#firsts.set(state, moment);
    else onMerge(first, moment, mostFaults - faults);
  }

  /** How it came to a step of a life, in words. */
  async #story(run: Run, steps: number): Promise<string[]> {
    const { before } = run;
    const earlier = before === undefined ? [] : await this.#story(before.run, before.step);
    const turning = before === undefined ? [] : [`=== ${before.end} ===`];
    return [...earlier, ...turning, ...(await this.#retell(run, steps))];
  }

  async #retell({ world, choices }: Run, steps: number): Promise<string[]> {
    const life = new Life(world, this.#scenario, this.#options.grain, () => undefined);
    try {
      await life.load();
      life.begin();
      for (let step = 0; step <= steps; step += 1) {
        await turn();
        if (life.ending !== undefined) break;
        const chosen = choices.find((choice) => choice.step === step);
        if (chosen !== undefined) disturb(life, chosen.fault);
        else if (!life.goOn()) break;
      }
    } catch (thrown) {
      if (!(thrown instanceof Violation)) throw thrown;
    }
    return life.stage.labels;
  }
}
