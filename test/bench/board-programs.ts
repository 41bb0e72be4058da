import { mkdtemp, rm } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { startImageServer } from "../../service-tools/images/server.ts";
import { startLocalHub } from "../../service-tools/local-hub/start.ts";
import { BenchBoard } from "./bench-board.ts";
import type { Program, Start } from "./bench-board.ts";
import { against, median, spread, table } from "./figures.ts";

/*
 * What scripts/bench idle and start run: the agent and what it is compared with, in two containers with Debian 13 and the packages as they
 * ship, one on Debian's Node.js, one with its own. The hub is on the host.
 */

export const builds = {
  all: { node: "Debian's Node.js", goals: { memory: 1.4, tutorial: 0.85, bundled: 1.15 } },
  amd64: { node: "the package's own Node.js", goals: { memory: 1.6, tutorial: 0.75, bundled: 1.15 } },
} as const;
export type Build = keyof typeof builds;

export const agent: Program = { name: "agent", unit: "boardkeeper-agent.service", connects: true, confined: true };
/** As its reader has it. */
const tutorial: Program = {
  name: "tutorial's script, node_modules",
  unit: "tutorial.service",
  script: "/opt/tutorial/device.cjs",
  connects: true,
  confined: false,
};
/** What the SDK alone costs within the agent's bounds. */
const bundled: Program = {
  name: "tutorial's script, bundled like the agent, in its sandbox",
  unit: "bundled.service",
  script: "/opt/tutorial/bundled.mjs",
  connects: true,
  confined: true,
};
export const bare: Program = {
  name: "bare `node`, `setInterval`",
  unit: "bare.service",
  script: "-e 'setInterval(() => {}, 1e9)'",
  connects: false,
  confined: false,
};
const connecting = [agent, tutorial, bundled];
export const programs = [...connecting, bare];

export type Starts = ReadonlyMap<Program, readonly Start[]>;

/** Boots a container for each build, one after the other, and shuts everything down when `measure` is through. */
export async function withBoards(
  measure: (boot: (build: Build) => Promise<BenchBoard>) => Promise<void>,
): Promise<void> {
  const { RIG_TRIXIE: root = "", BENCH_TUTORIAL: layer = "" } = process.env;
  const folder = await mkdtemp(join(tmpdir(), "boardkeeper-bench-"));
  const hub = await startLocalHub({ startImages: startImageServer, folder: join(folder, "hub") });
  const boards: BenchBoard[] = [];
  try {
    await measure(async (build) => {
      const board = await BenchBoard.boot(hub, build, [root, layer], programs);
      boards.push(board);
      return board;
    });
  } finally {
    await Promise.all(boards.map((board) => board.machine.discard()));
    await hub.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

export async function startInTurns(board: BenchBoard, turns: number): Promise<Starts> {
  for (const program of connecting) await board.start(program); // The first start reads from the disk: not counted.
  const starts = new Map<Program, Start[]>(connecting.map((program) => [program, []]));
  for (let turn = 0; turn < turns; turn += 1) {
    for (let index = 0; index < connecting.length; index += 1) {
      const program = connecting[(turn + index) % connecting.length];
      if (program !== undefined) starts.get(program)?.push(await board.start(program));
    }
  }
  return starts;
}

export function printStarts(starts: Starts): void {
  const turns = starts.get(agent)?.length ?? 0;
  say(`Start, ms, medians of ${turns} in turns (least to most):\n`);
  const rows = [...starts].map(([{ name, script }, all]) => [
    name,
    script === undefined ? timesOf(all, ({ readyMs = Number.NaN }) => readyMs) : "",
    timesOf(all, ({ connectedMs }) => connectedMs),
    timesOf(all, ({ answeredMs }) => answeredMs),
  ]);
  say(table(["", "ready", "connected", "a waiting method call answered"], rows));
}

/** Rows of a table of ratios. */
export function startRatios(build: Build, starts: Starts): string[][] {
  const { goals } = builds[build];
  const ratio = (field: "connectedMs" | "answeredMs", peer: Program): number => {
    const [ours = Number.NaN, theirs = Number.NaN] = [agent, peer].map((one) =>
      median((starts.get(one) ?? []).map((start) => start[field])),
    );
    return ours / theirs;
  };
  return [
    ["connected, agent / tutorial's script", against(ratio("connectedMs", tutorial), goals.tutorial)],
    ["connected, agent / bundled script in its sandbox", against(ratio("connectedMs", bundled), goals.bundled)],
    ["answered, agent / tutorial's script", ratio("answeredMs", tutorial).toFixed(2)],
  ];
}

function timesOf(starts: readonly Start[], time: (start: Start) => number): string {
  return spread(starts.map(time), 0);
}

export function sayLoad(): void {
  const loads = loadavg().map((one) => one.toFixed(1));
  say(`Load of the machine, ${cpus().length} processors, at the end: ${loads.join(" ")}.\n`);
}

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
