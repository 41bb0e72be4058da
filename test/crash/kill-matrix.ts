import { deepEqual, ok } from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { JsonObject } from "../../agent/contract/json.ts";
import type { LocalHub } from "../../service-tools/local-hub/options.ts";
import { killScenarios, serveImages, settingsOf } from "./kill-scenarios.ts";
import type { Images, KillScenario, KillScenarioName, BoardKind } from "./kill-scenarios.ts";
import { testHub } from "../support/local-hub.ts";
import { boardProcess } from "../support/processes.ts";
import type { AgentProcess } from "../support/processes.ts";
import { randomFrom } from "../support/random.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { at } from "../support/paths.ts";
import { ServiceApp } from "../support/service-app.ts";
import { BoardChecker } from "../support/board-checker.ts";

/** When the agent is killed during one scenario: at a line that it logs, or so many ms after the operation was accepted. */
export interface KillPlan {
  readonly scenario: KillScenarioName;
  readonly first: JsonObject | number;
  /** Killed again at these lines, by the agents that the board starts afterwards. */
  readonly again: readonly string[];
}

const names = Object.keys(killScenarios) as KillScenarioName[];
const startUps = ["agent started", "state recovered"] as const;
/** An update without a kill takes about so long. */
const longestWaitMs = 1_500;

/** One plan for each state change of these scenarios. */
export function atEachChange(again: readonly string[] = [], of: readonly KillScenarioName[] = names): KillPlan[] {
  return of.flatMap((scenario) => killScenarios[scenario].changes.map((first) => ({ scenario, first, again })));
}

export function atRandom(times: number, seed: number, again: readonly string[] = []): KillPlan[] {
  const random = randomFrom(seed);
  return Array.from({ length: times }, () => ({
    scenario: "completed",
    first: Math.floor(random() * longestWaitMs),
    again,
  }));
}

/** Kills of the next agent as it starts: before it has recovered the saved state, and right after. */
export const killsDuringStart: readonly (readonly string[])[] = startUps.map((line) => [line]);

export interface KillResult {
  readonly jobs: number;
  readonly kills: number;
  /** Installations begun over all; one for each update that gets so far and was not killed in the middle of one. */
  readonly installs: number;
  /** How the scenarios have ended, by name and phase. */
  readonly ends: Readonly<Record<string, number>>;
}

/**
 * Runs one scenario for each plan on boards that work side by side, and kills their agents as the plans say.
 * @param quickBoards how many boards of the quick kind; of the other kinds there is one for each eight scenarios
 * @throws where a scenario does not end as it must
 */
export async function killBoards(plans: readonly KillPlan[], quickBoards: number): Promise<KillResult> {
  const hub = await testHub();
  const served = await serveImages();
  const caFile = join(await temporaryFolder(), "image-ca.pem");
  await writeFile(caFile, served.ca);
  const numbered = plans.map((one, index) => ({ one, number: index + 1 }));
  const total = { jobs: 0, kills: 0, installs: 0, ends: {} as Record<string, number> };
  const work = async (kind: BoardKind, left: typeof numbered, deviceId: string): Promise<void> => {
    const target = await ScenarioBoard.start(hub, deviceId, {
      ...settingsOf[kind],
      BOARDKEEPER_UPDATE_CA_FILE: caFile,
    });
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const { kills, installs } = await target.run(served, next.number, next.one);
      const end = `${next.one.scenario} ${killScenarios[next.one.scenario].end}`;
      total.jobs += 1;
      total.kills += kills;
      total.installs += installs;
      total.ends[end] = (total.ends[end] ?? 0) + 1;
    }
  };
  const workers = (Object.keys(settingsOf) as BoardKind[]).flatMap((kind) => {
    const left = numbered.filter(({ one }) => killScenarios[one.scenario].on === kind);
    const boards = kind === "quick" ? quickBoards : Math.ceil(left.length / 8);
    return Array.from({ length: boards }, (_one, index) => work(kind, left, `${kind}-${index + 1}`));
  });
  await Promise.all(workers);
  return total;
}

/** A board that runs one scenario after another. */
class ScenarioBoard {
  readonly #hub: LocalHub;
  readonly #deviceId: string;
  readonly #agent: AgentProcess;
  readonly #checker: BoardChecker;
  #runs = "1.0.0";

  private constructor(hub: LocalHub, deviceId: string, agent: AgentProcess, checker: BoardChecker) {
    this.#hub = hub;
    this.#deviceId = deviceId;
    this.#agent = agent;
    this.#checker = checker;
  }

  static async start(hub: LocalHub, deviceId: string, env: Record<string, string>): Promise<ScenarioBoard> {
    const board = await boardProcess(hub, deviceId, env);
    const agent = board.start();
    await agent.line({ msg: "connected to the hub" });
    return new ScenarioBoard(hub, deviceId, agent, new BoardChecker(board, new ServiceApp(hub, deviceId)));
  }

  async run(served: Images, number: number, plan: KillPlan): Promise<{ kills: number; installs: number }> {
    const { first, again } = plan;
    const scenario: KillScenario = killScenarios[plan.scenario];
    const [agent, checker] = [this.#agent, this.#checker];
    const begin = agent.lines.length;
    const [operationId, version] = [`op-${number}`, `2.0.${number}`];
    const context = {
      hub: this.#hub,
      deviceId: this.#deviceId,
      agent,
      checker,
      images: served,
      operationId,
      version,
      begin,
    };
    const answered = scenario.ask(context);
    const meanwhile = scenario.meanwhile?.(context);
    const killed = this.#kill(scenario, operationId, begin, plan);
    const [status] = await Promise.all([answered, killed, meanwhile]);
    const ended = await this.#end(scenario, operationId, begin);
    const reported = ["phase", "error.code"].map((key) => at(ended, `boardkeeper.${scenario.of}.${key}`) ?? null);
    const what = JSON.stringify({ scenario: plan.scenario, operationId, first, again });
    deepEqual([status, ...reported], [200, scenario.end, scenario.code ?? null], what);
    if (scenario.changesSystem) this.#runs = version;
    await checker.checkEnded({ of: scenario.of, operationId, phase: scenario.end, runs: this.#runs });
    const logged = agent.lines.slice(begin);
    const count = (members: JsonObject): number => logged.filter((line) => matches(line, members)).length;
    const changes = (to: string): number => count({ msg: `${scenario.of} phase`, to });
    deepEqual([count({ msg: "board started" }), count({ level: "fatal" })], [scenario.boots, 0], what);
    ok(changes(scenario.granted) === 1 && changes(scenario.end) <= 1, `began or ended twice: ${what}`);
    const kills = 1 + again.length;
    const installs =
      count({ msg: "update phase", to: "applying" }) + count({ msg: "state recovered", update: "applying" });
    ok(count({ msg: "update phase", to: "applying" }) <= 1, `applied twice: ${what}`);
    const least = scenario.boots > 0 && plan.scenario !== "rebooted" ? 1 : 0;
    ok(installs >= least && installs <= least * (1 + kills), `installed ${installs} times: ${what}`);
    return { kills, installs };
  }

  async #kill(scenario: KillScenario, operationId: string, begin: number, { first, again }: KillPlan): Promise<void> {
    const agent = this.#agent;
    let seen: number;
    if (typeof first === "number") {
      await agent.line({ msg: `${scenario.of} phase`, to: scenario.granted, operationId }, { after: begin });
      await pause(first);
      seen = await this.#killLast(agent.lines.length);
    } else {
      seen = await this.#killAt(first, begin);
    }
    for (const msg of again) seen = await this.#killAt({ msg }, seen);
  }

  /** The operation's one end in the twin. */
  async #end({ of }: KillScenario, operationId: string, begin: number): Promise<JsonObject> {
    const agent = this.#agent;
    const ends =
      of === "update" ? ["completed", "failed", "rolledBack", "cancelled"] : ["proven", "failed", "cancelled"];
    const ways = ends.flatMap((phase) => [
      agent.line({ msg: `${of} phase`, to: phase, operationId }, { after: begin }),
      agent.line({ msg: "state recovered", [of]: phase }, { after: begin }), // Killed between the save and its line.
    ]);
    await Promise.race(ways);
    return await this.#checker.untilEnded(operationId, of);
  }

  /** Kills the agent as soon as it logs this; resolves with how many lines there were. */
  async #killAt(members: JsonObject, after: number): Promise<number> {
    const line = await this.#agent.line(members, { after });
    return await this.#killLast(this.#agent.lines.indexOf(line) + 1);
  }

  /** Kills the agent that was the last to start within so many lines: or the next, where it has just gone with its board. */
  async #killLast(seen: number): Promise<number> {
    const started = this.#agent.lines.slice(0, seen).findLast(({ msg }) => msg === "agent started");
    try {
      process.kill(Number(started?.["pid"]), "SIGKILL");
      return seen;
    } catch {
      return await this.#killAt({ msg: "agent started" }, seen);
    }
  }
}

function matches(line: JsonObject, members: JsonObject): boolean {
  return Object.entries(members).every(([key, value]) => line[key] === value);
}
