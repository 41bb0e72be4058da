import { setTimeout as sleep } from "node:timers/promises";
import type { BenchBoard, Program } from "./bench-board.ts";
import type { Build, Starts } from "./board-programs.ts";
import {
  agent,
  bare,
  builds,
  printStarts,
  programs,
  say,
  sayLoad,
  startInTurns,
  startRatios,
  withBoards,
} from "./board-programs.ts";
import { against, median, spread, table } from "./figures.ts";
import { heldBy, spentBy } from "./process-cost.ts";
import type { Held, Spent } from "./process-cost.ts";

/* scripts/bench idle [MINUTES]: what the agent costs a board that has nothing to do, and how soon it serves. */

const MiB = 2 ** 20;
const minutes = Number(process.argv[2] ?? 10);
const turns = 9;
/** Connecting, the first reports, the board's equipment (30 s after the start), and what V8 gives back after all that. */
const settleMs = 90_000;
const sampleEveryMs = 10_000;

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
  readonly starts: Starts;
  readonly idle: ReadonlyMap<Program, Idle>;
  readonly agent: AgentIdle;
}

await withBoards(async (boot) => {
  const boards: (readonly [Build, BenchBoard, Starts])[] = [];
  for (const build of Object.keys(builds) as Build[]) {
    const board = await boot(build);
    boards.push([build, board, await startInTurns(board, turns)]);
    await board.machine.shell(`systemctl start ${bare.unit}`);
  }
  await sleep(settleMs);
  // All together: what does nothing does not disturb the others.
  const figures = await Promise.all(
    boards.map(async ([build, board, starts]) => [build, starts, await leaveAlone(board)] as const),
  );
  sayLoad();
  for (const [build, starts, idle] of figures) print(build, { ...idle, starts });
});

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
  const { node, goals } = builds[build];
  const inMiB = (held: readonly Held[], bytes: (one: Held) => number): string =>
    spread(
      held.map((one) => bytes(one) / MiB),
      1,
    );
  const idleRows = [...idle].map(([{ name }, { spent, held }]) => [
    name,
    spent.cpuSeconds.toFixed(3),
    String(spent.wakeUps),
    String(spent.writtenBytes),
    inMiB(held, ({ residentBytes }) => residentBytes),
    inMiB(held, ({ proportionalBytes }) => proportionalBytes),
    inMiB(held, ({ anonymousBytes }) => anonymousBytes),
  ]);
  const resident = (program: Program): number =>
    median((idle.get(program)?.held ?? []).map(({ residentBytes }) => residentBytes));
  const written = idle.get(agent)?.spent.writtenBytes ?? Number.NaN;

  say(`### On ${node} (package \`${build}\`)\n`);
  printStarts(starts);
  say(`${minutes} idle minutes; PSS while all of the table run:\n`);
  say(table(["", "CPU, s", "wake-ups", "bytes written", "RSS, MiB", "PSS, MiB", "anonymous, MiB"], idleRows));
  say(
    table(
      ["", "measured"],
      [
        ["RSS, agent / bare `node`", against(resident(agent) / resident(bare), goals.memory)],
        ...startRatios(build, starts),
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
