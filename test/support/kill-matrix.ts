import { deepEqual, ok } from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { JsonObject } from "../../agent/contract/json.ts";
import { imageServer, serving, testImage } from "./image-server.ts";
import { testHub } from "./local-hub.ts";
import { boardProcess, type AgentProcess, type BoardProcess } from "./processes.ts";
import { randomFrom } from "./random.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { at } from "./paths.ts";
import { ServiceView } from "./twins.ts";
import { Witness } from "./witness.ts";

/** When the agent is killed during one update: at a line that it logs, or so long after the update was granted. */
export interface Blows {
  readonly first: JsonObject | number;
  /** And again, at these lines of the agents that the board starts after it. */
  readonly again: readonly string[];
}

/** Every change of state on the good way of an update of the board. */
const changes: readonly JsonObject[] = [
  ...["accepted", "downloading", "verifying", "staged", "applying", "rebooting", "proving", "completed"].map((to) => ({
    msg: "update phase",
    to,
  })),
  { msg: "reboot phase", to: "rebooting" },
  { msg: "reboot phase", to: "proven" },
];
const startUps = ["agent started", "state taken up"] as const;
/** An update without a kill takes about so long. */
const longestWaitMs = 1_500;

export function atEachChange(again: readonly string[] = []): Blows[] {
  return changes.map((first) => ({ first, again }));
}

export function atRandom(times: number, seed: number, again: readonly string[] = []): Blows[] {
  const random = randomFrom(seed);
  return Array.from({ length: times }, () => ({ first: Math.floor(random() * longestWaitMs), again }));
}

/** Killed, and the next agent killed as it starts: before it has taken up the saved state, and right after. */
export const twice: readonly (readonly string[])[] = startUps.map((line) => [line]);

export interface Struck {
  readonly jobs: number;
  readonly kills: number;
  /** Installations begun over all; one for each job that was not killed in the middle of one. */
  readonly installs: number;
}

/** Updates boards, one after another, of which so many are updated at a time; each update meets its own blows. */
export async function strike(blows: readonly Blows[], boards: number): Promise<Struck> {
  const hub = await testHub();
  const image = testImage(1_000_000);
  const server = await imageServer(serving(image));
  const caFile = join(await temporaryFolder(), "image-ca.pem");
  await writeFile(caFile, server.ca);
  const request = { fwPackageUri: `${server.origin}/board.img`, fwPackageCheckValue: image.sha256 };
  const left = blows.map((one, index) => ({ one, number: index + 1 }));
  const total = { jobs: 0, kills: 0, installs: 0 };
  const work = async (deviceId: string): Promise<void> => {
    const board = await boardProcess(hub, deviceId, { BOARDKEEPER_UPDATE_CA_FILE: caFile });
    const target = new Target(board, new ServiceView(hub, deviceId));
    await target.agent.line({ msg: "connected to the hub" });
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const { kills, installs } = await target.update(request, next.number, next.one);
      total.jobs += 1;
      total.kills += kills;
      total.installs += installs;
    }
  };
  await Promise.all(Array.from({ length: boards }, (_one, index) => work(`board-${index + 1}`)));
  return total;
}

/** A board that is updated again and again. */
class Target {
  readonly agent: AgentProcess;
  readonly #witness: Witness;

  constructor(board: BoardProcess, service: ServiceView) {
    this.#witness = new Witness(board, service);
    this.agent = board.start();
  }

  async update(request: object, number: number, { first, again }: Blows): Promise<{ kills: number; installs: number }> {
    const fwVersion = `2.0.${number}`;
    const operationId = `op-${number}`;
    const payload = { ...request, fwVersion, operationId };
    const begin = this.agent.lines.length;
    const answered = this.#witness.ask("firmwareUpdate", payload);
    await this.agent.line({ msg: "update phase", to: "accepted", operationId }, { after: begin });
    let seen: number;
    if (typeof first === "number") {
      await pause(first);
      seen = await this.#killLast(this.agent.lines.length);
    } else {
      seen = await this.#killAt(first, begin);
    }
    for (const msg of again) seen = await this.#killAt({ msg }, seen);
    const ended = await this.#end(operationId, begin);
    const [phase, version] = ["phase", "version"].map((key) => at(ended, `boardkeeper.update.${key}`));
    deepEqual([phase, version], ["completed", fwVersion]);
    await this.#witness.isDone(fwVersion, operationId);
    const { status, payload: reply } = await answered;
    deepEqual([status, reply["operationId"]], [200, operationId]);
    const said = this.agent.lines.slice(begin);
    const count = (members: JsonObject): number => said.filter((line) => matches(line, members)).length;
    const kills = 1 + again.length;
    const installs =
      count({ msg: "update phase", to: "applying" }) + count({ msg: "state taken up", update: "applying" });
    const phases = (to: string): number => count({ msg: "update phase", to });
    const tally = JSON.stringify({ operationId, installs, kills, first, again });
    ok(installs >= 1 && installs <= 1 + kills, `installed more often than it was cut off: ${tally}`);
    ok(phases("applying") <= 1 && phases("completed") <= 1, `began or ended twice: ${tally}`);
    deepEqual([phases("accepted"), count({ level: "fatal" })], [1, 0], tally);
    return { kills, installs };
  }

  /** The job's one end in the twin. */
  async #end(operationId: string, begin: number): Promise<JsonObject> {
    const { agent } = this;
    const ways = ["completed", "failed", "rolledBack", "cancelled"].flatMap((phase) => [
      agent.line({ msg: "update phase", to: phase, operationId }, { after: begin }),
      agent.line({ msg: "state taken up", update: phase }, { after: begin }), // Killed between the save and its line.
    ]);
    await Promise.race(ways);
    return await this.#witness.end(operationId);
  }

  /** Kills the agent as soon as it logs this; resolves with how many lines there were. */
  async #killAt(members: JsonObject, after: number): Promise<number> {
    const line = await this.agent.line(members, { after });
    return await this.#killLast(this.agent.lines.indexOf(line) + 1);
  }

  /** Kills the agent that was the last to start within so many lines: or the next, where it has just gone with its board. */
  async #killLast(seen: number): Promise<number> {
    const started = this.agent.lines.slice(0, seen).findLast(({ msg }) => msg === "agent started");
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
