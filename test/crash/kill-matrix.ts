import { deepEqual, ok } from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { JsonObject } from "../../agent/contract/json.ts";
import type { LocalHub } from "../../service-tools/local-hub/options.ts";
import { journeys, serveImages, settingsOf } from "./kill-scenarios.ts";
import type { Images, Journey, JourneyName, Kind } from "./kill-scenarios.ts";
import { testHub } from "../support/local-hub.ts";
import { boardProcess } from "../support/processes.ts";
import type { AgentProcess } from "../support/processes.ts";
import { randomFrom } from "../support/random.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { at } from "../support/paths.ts";
import { ServiceApp } from "../support/service-app.ts";
import { Witness } from "../support/witness.ts";

/** When the agent is killed during one journey: at a line that it logs, or so long after the journey was granted. */
export interface Blows {
  readonly journey: JourneyName;
  readonly first: JsonObject | number;
  /** And again, at these lines of the agents that the board starts after it. */
  readonly again: readonly string[];
}

const names = Object.keys(journeys) as JourneyName[];
const startUps = ["agent started", "state taken up"] as const;
/** An update without a kill takes about so long. */
const longestWaitMs = 1_500;

/** Every change of state on the way of every journey, or of one. */
export function atEachChange(again: readonly string[] = [], of: readonly JourneyName[] = names): Blows[] {
  return of.flatMap((journey) => journeys[journey].changes.map((first) => ({ journey, first, again })));
}

export function atRandom(times: number, seed: number, again: readonly string[] = []): Blows[] {
  const random = randomFrom(seed);
  return Array.from({ length: times }, () => ({
    journey: "good",
    first: Math.floor(random() * longestWaitMs),
    again,
  }));
}

/** Killed, and the next agent killed as it starts: before it has taken up the saved state, and right after. */
export const twice: readonly (readonly string[])[] = startUps.map((line) => [line]);

export interface Struck {
  readonly jobs: number;
  readonly kills: number;
  /** Installations begun over all; one for each update that gets so far and was not killed in the middle of one. */
  readonly installs: number;
  /** How the journeys have ended, by name and phase. */
  readonly ends: Readonly<Record<string, number>>;
}

/**
 * Lets boards make journeys, one after another; each meets its own blows. So many boards at a time are quick ones; of the
 * other kinds there is one for each eight journeys.
 */
export async function strike(blows: readonly Blows[], quickBoards: number): Promise<Struck> {
  const hub = await testHub();
  const served = await serveImages();
  const caFile = join(await temporaryFolder(), "image-ca.pem");
  await writeFile(caFile, served.ca);
  const numbered = blows.map((one, index) => ({ one, number: index + 1 }));
  const total = { jobs: 0, kills: 0, installs: 0, ends: {} as Record<string, number> };
  const work = async (kind: Kind, left: typeof numbered, deviceId: string): Promise<void> => {
    const target = await Target.start(hub, deviceId, { ...settingsOf[kind], BOARDKEEPER_UPDATE_CA_FILE: caFile });
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const { kills, installs } = await target.travel(served, next.number, next.one);
      const end = `${next.one.journey} ${journeys[next.one.journey].end}`;
      total.jobs += 1;
      total.kills += kills;
      total.installs += installs;
      total.ends[end] = (total.ends[end] ?? 0) + 1;
    }
  };
  const lanes = (Object.keys(settingsOf) as Kind[]).flatMap((kind) => {
    const left = numbered.filter(({ one }) => journeys[one.journey].on === kind);
    const boards = kind === "quick" ? quickBoards : Math.ceil(left.length / 8);
    return Array.from({ length: boards }, (_one, index) => work(kind, left, `${kind}-${index + 1}`));
  });
  await Promise.all(lanes);
  return total;
}

/** A board that makes one journey after another. */
class Target {
  readonly #hub: LocalHub;
  readonly #deviceId: string;
  readonly #agent: AgentProcess;
  readonly #witness: Witness;
  #runs = "1.0.0";

  private constructor(hub: LocalHub, deviceId: string, agent: AgentProcess, witness: Witness) {
    this.#hub = hub;
    this.#deviceId = deviceId;
    this.#agent = agent;
    this.#witness = witness;
  }

  static async start(hub: LocalHub, deviceId: string, env: Record<string, string>): Promise<Target> {
    const board = await boardProcess(hub, deviceId, env);
    const agent = board.start();
    await agent.line({ msg: "connected to the hub" });
    return new Target(hub, deviceId, agent, new Witness(board, new ServiceApp(hub, deviceId)));
  }

  async travel(served: Images, number: number, blows: Blows): Promise<{ kills: number; installs: number }> {
    const { first, again } = blows;
    const journey: Journey = journeys[blows.journey];
    const [agent, witness] = [this.#agent, this.#witness];
    const begin = agent.lines.length;
    const [operationId, version] = [`op-${number}`, `2.0.${number}`];
    const scene = {
      hub: this.#hub,
      deviceId: this.#deviceId,
      agent,
      witness,
      images: served,
      operationId,
      version,
      begin,
    };
    const answered = journey.ask(scene);
    const world = journey.meanwhile?.(scene);
    const struck = this.#strike(journey, operationId, begin, blows);
    const [status] = await Promise.all([answered, struck, world]);
    const ended = await this.#end(journey, operationId, begin);
    const told = ["phase", "error.code"].map((key) => at(ended, `boardkeeper.${journey.of}.${key}`) ?? null);
    const context = JSON.stringify({ journey: blows.journey, operationId, first, again });
    deepEqual([status, ...told], [200, journey.end, journey.code ?? null], context);
    if (journey.changesSystem) this.#runs = version;
    await witness.hasEnded({ of: journey.of, operationId, phase: journey.end, runs: this.#runs });
    const said = agent.lines.slice(begin);
    const count = (members: JsonObject): number => said.filter((line) => matches(line, members)).length;
    const changes = (to: string): number => count({ msg: `${journey.of} phase`, to });
    deepEqual([count({ msg: "board started" }), count({ level: "fatal" })], [journey.boots, 0], context);
    ok(changes(journey.granted) === 1 && changes(journey.end) <= 1, `began or ended twice: ${context}`);
    const kills = 1 + again.length;
    const installs =
      count({ msg: "update phase", to: "applying" }) + count({ msg: "state taken up", update: "applying" });
    ok(count({ msg: "update phase", to: "applying" }) <= 1, `released twice: ${context}`);
    const least = journey.boots > 0 && blows.journey !== "rebooted" ? 1 : 0;
    ok(installs >= least && installs <= least * (1 + kills), `installed ${installs} times: ${context}`);
    return { kills, installs };
  }

  async #strike(journey: Journey, operationId: string, begin: number, { first, again }: Blows): Promise<void> {
    const agent = this.#agent;
    let seen: number;
    if (typeof first === "number") {
      await agent.line({ msg: `${journey.of} phase`, to: journey.granted, operationId }, { after: begin });
      await pause(first);
      seen = await this.#killLast(agent.lines.length);
    } else {
      seen = await this.#killAt(first, begin);
    }
    for (const msg of again) seen = await this.#killAt({ msg }, seen);
  }

  /** The operation's one end in the twin. */
  async #end({ of }: Journey, operationId: string, begin: number): Promise<JsonObject> {
    const agent = this.#agent;
    const ends =
      of === "update" ? ["completed", "failed", "rolledBack", "cancelled"] : ["proven", "failed", "cancelled"];
    const ways = ends.flatMap((phase) => [
      agent.line({ msg: `${of} phase`, to: phase, operationId }, { after: begin }),
      agent.line({ msg: "state taken up", [of]: phase }, { after: begin }), // Killed between the save and its line.
    ]);
    await Promise.race(ways);
    return await this.#witness.end(operationId, of);
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
