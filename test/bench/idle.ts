import { mkdtemp, rm } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startImageServer } from "../../service-tools/images/server.ts";
import { startLocalHub } from "../../service-tools/local-hub/start.ts";
import { BenchBoard } from "./bench-board.ts";
import type { Program, Start } from "./bench-board.ts";
import { against, median, spread, table } from "./figures.ts";
import { heldBy, spentBy } from "./process-cost.ts";
import type { Held, Spent } from "./process-cost.ts";

/*
 * scripts/bench idle [MINUTES]: what the agent costs a board that has nothing to do, and how soon it serves. Debian 13 in
 * two containers with the packages as they ship, one on Debian's Node.js, one with its own; the hub is on the host.
 */

const MiB = 2 ** 20;
const minutes = Number(process.argv[2] ?? 10);
const turns = 9;
/** Connecting, the first reports, the board's equipment (30 s after the start), and what V8 gives back after all that. */
const settleMs = 90_000;
const sampleEveryMs = 10_000;

const builds = { all: "Debian's Node.js", amd64: "the package's own Node.js" } as const;
type Build = keyof typeof builds;

const agent: Program = { name: "agent", unit: "boardkeeper-agent.service", connects: true };
const tutorial: Program = {
  name: "tutorial's script, node_modules",
  unit: "tutorial.service",
  script: "/opt/tutorial/device.cjs",
  connects: true,
};
const bundled: Program = {
  name: "tutorial's script, bundled like the agent",
  unit: "bundled.service",
  script: "/opt/tutorial/bundled.mjs",
  connects: true,
};
const bare: Program = {
  name: "bare `node`, `setInterval`",
  unit: "bare.service",
  script: "-e 'setInterval(() => {}, 1e9)'",
  connects: false,
};
const connecting = [agent, tutorial, bundled];
const programs = [...connecting, bare];

/** What one program was over the idle time. */
interface Idle {
  readonly spent: Spent;
  readonly held: readonly Held[];
}

/** What only the agent is asked. */
interface AgentIdle {
  /** By its own count, since its start and in the idle time. */
  readonly metered: readonly [number, number];
  /** Whether the hub has heard of it in the idle time, beyond pings. */
  readonly wasHeard: boolean;
  readonly changedFiles: number;
  readonly logLines: number;
}

interface Figures {
  readonly starts: ReadonlyMap<Program, readonly Start[]>;
  readonly idle: ReadonlyMap<Program, Idle>;
  readonly agent: AgentIdle;
}

const folder = await mkdtemp(join(tmpdir(), "boardkeeper-bench-"));
const hub = await startLocalHub({ startImages: startImageServer, folder: join(folder, "hub") });
const boards = new Map<Build, BenchBoard>();
try {
  await bench();
} finally {
  await Promise.all([...boards.values()].map((board) => board.machine.discard()));
  await hub.stop();
  await rm(folder, { recursive: true, force: true });
}

async function bench(): Promise<void> {
  const { RIG_TRIXIE: root = "", BENCH_TUTORIAL: layer = "" } = process.env;
  const starts = new Map<Build, Map<Program, Start[]>>();
  for (const build of Object.keys(builds) as Build[]) {
    const board = await BenchBoard.boot(hub, build, [root, layer], programs);
    boards.set(build, board);
    starts.set(build, await startInTurns(board));
    await board.machine.shell(`systemctl start ${bare.unit}`);
  }
  await sleep(settleMs);
  // All together: what does nothing does not disturb the others.
  const idle = await Promise.all([...boards].map(async ([build, board]) => [build, await leaveAlone(board)] as const));
  say(
    `Load of the machine, ${cpus().length} processors, at the end: ${loadavg()
      .map((one) => one.toFixed(1))
      .join(" ")}.\n`,
  );
  for (const [build, figures] of idle) print(build, { ...figures, starts: starts.get(build) ?? new Map() });
}

async function startInTurns(board: BenchBoard): Promise<Map<Program, Start[]>> {
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

async function leaveAlone(board: BenchBoard): Promise<Omit<Figures, "starts">> {
  const services = await Promise.all(programs.map(async (program) => [program, await board.service(program)] as const));
  const app = board.app(agent);
  const logLines = async (): Promise<number> =>
    Number(await board.machine.shell(`journalctl -b -o cat -u ${agent.unit} | wc -l`));
  const meteredFirst = await metered(board);
  const [logLinesFirst, { activeAtMs }] = [await logLines(), await app.seen()];
  await board.machine.shell("touch /run/idle-began");
  const first = await Promise.all(services.map(async ([, service]) => await spentBy(service)));
  const held = services.map((): Held[] => []);
  const samples = Math.max(1, Math.round((minutes * 60_000) / sampleEveryMs));
  for (let sample = 0; sample < samples; sample += 1) {
    await sleep((minutes * 60_000) / samples);
    for (const [index, [, service]] of services.entries()) held[index]?.push(await heldBy(service));
  }
  const last = await Promise.all(services.map(async ([, service]) => await spentBy(service)));
  const idle = services.map(([program], index): [Program, Idle] => [
    program,
    { spent: difference(first[index], last[index]), held: held[index] ?? [] },
  ]);
  const wasHeard = (await app.seen()).activeAtMs !== activeAtMs;
  const changed = await board.machine.shell("find /var/lib/boardkeeper -newer /run/idle-began | wc -l");
  return {
    idle: new Map(idle),
    agent: {
      metered: [meteredFirst, (await metered(board)) - meteredFirst],
      wasHeard,
      changedFiles: Number(changed),
      logLines: (await logLines()) - logLinesFirst,
    },
  };
}

/** Twin reads, reports and messages since the agent's start, by its own count. */
async function metered(board: BenchBoard): Promise<number> {
  const { link } = await board.app(agent).call("getStatus");
  const { twinReads, reports, messages } = (link as { metered: Record<string, number> }).metered;
  return Number(twinReads) + Number(reports) + Number(messages);
}

function difference(first?: Spent, last?: Spent): Spent {
  if (first === undefined || last === undefined) throw new Error("No sample of a program.");
  return {
    cpuSeconds: last.cpuSeconds - first.cpuSeconds,
    wakeUps: last.wakeUps - first.wakeUps,
    writtenBytes: last.writtenBytes - first.writtenBytes,
  };
}

function print(build: Build, { starts, idle, agent: alone }: Figures): void {
  const startRows = [...starts].map(([{ name }, all]) => [
    name,
    all[0]?.readyMs === undefined
      ? ""
      : spread(
          all.map(({ readyMs = Number.NaN }) => readyMs),
          0,
        ),
    spread(
      all.map(({ connectedMs }) => connectedMs),
      0,
    ),
    spread(
      all.map(({ answeredMs }) => answeredMs),
      0,
    ),
  ]);
  const idleRows = [...idle].map(([{ name }, { spent, held }]) => [
    name,
    spent.cpuSeconds.toFixed(3),
    String(spent.wakeUps),
    String(spent.writtenBytes),
    spread(
      held.map(({ residentBytes }) => residentBytes / MiB),
      1,
    ),
    spread(
      held.map(({ anonymousBytes }) => anonymousBytes / MiB),
      1,
    ),
  ]);
  const connected = (program: Program): number => median((starts.get(program) ?? []).map((one) => one.connectedMs));
  const answered = (program: Program): number => median((starts.get(program) ?? []).map((one) => one.answeredMs));
  const resident = (program: Program): number =>
    median((idle.get(program)?.held ?? []).map(({ residentBytes }) => residentBytes));
  const written = idle.get(agent)?.spent.writtenBytes ?? Number.NaN;

  say(`### On ${builds[build]} (package \`${build}\`)\n`);
  say(`Start, ms, medians of ${turns} in turns (least to most):\n`);
  say(table(["", "ready", "connected", "a waiting method call answered"], startRows));
  say(`${minutes} idle minutes:\n`);
  say(table(["", "CPU, s", "wake-ups", "bytes written", "RSS, MiB", "of it anonymous, MiB"], idleRows));
  say(
    table(
      ["", "measured"],
      [
        ["RSS, agent / bare `node`", against(resident(agent) / resident(bare), 1.7)],
        ["connected, agent / tutorial's script", against(connected(agent) / connected(tutorial), 0.9)],
        ["connected, agent / bundled script", (connected(agent) / connected(bundled)).toFixed(2)],
        ["answered, agent / tutorial's script", (answered(agent) / answered(tutorial)).toFixed(2)],
        [
          "bytes written by the agent; files changed; lines logged",
          `${written}; ${alone.changedFiles}; ${alone.logLines}`,
        ],
        ["metered operations: to start; idle", alone.metered.join("; ")],
        ["messages that the hub had of it while idle", alone.wasHeard ? "some" : "none"],
      ],
    ),
  );
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
