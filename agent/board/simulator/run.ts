import { fork, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type RebootPort } from "../../reboot/runner.ts";
import { kernelBootClock } from "../hardware/boot.ts";
import { createBoard, powerOn, readBoard, writeBoard } from "./board.ts";
import type { Log } from "../../lib/log.ts";

export interface SimulationOptions {
  /** What to start as the board's agent, and with which arguments. */
  readonly program: string;
  readonly args: readonly string[];
  /** The file in which the board keeps its slots. */
  readonly boardFile: string;
  readonly firmwareVersion: string;
  readonly bootMs: number;
  readonly log: Log;
}

/** As systemd waits before Restart=, and as long as it lets a service take to stop. */
const restartMs = 1_000;
const stopMs = 5_000;
/** EX_CONFIG: starting again would not help. */
const exitConfig = 78;

/** How the agent came to its end, as seen from its power supply. */
type AgentEnd =
  | { readonly kind: "reboot" | "plug" | "stop" }
  | { readonly kind: "exit"; readonly status: number | null };

/**
 * Plays the board under an agent: its power, its boot loader, and the systemd that starts it again. A reboot is a real end
 * of the agent's process and a real start of another. SIGUSR2 pulls the plug: the agent is killed where it stands.
 * @returns the status to exit with
 */
export async function runSimulatedBoard(options: SimulationOptions): Promise<number> {
  const { boardFile, firmwareVersion, bootMs, log } = options;
  const hands = new PowerSwitch();
  let board = powerOn(
    (await readBoard(boardFile)) ?? createBoard(firmwareVersion),
    randomUUID(),
    kernelBootClock.nowMs(),
  );
  await writeBoard(boardFile, board);
  for (;;) {
    log.info({ bootId: board.bootId, slot: board.running, firmware: board.slots[board.running] }, "board started");
    let end: AgentEnd;
    for (;;) {
      end = await runAgent(options, hands);
      if (end.kind !== "exit") break;
      if (end.status === exitConfig) return exitConfig;
      log.warn({ status: end.status }, "agent ended, starting it again");
      if ((await hands.delay(restartMs)) === "stop") return 0;
    }
    if (end.kind === "stop") return 0;
    log.info({ cause: end.kind }, "board goes down");
    if ((await hands.delay(bootMs)) === "stop") return 0;
    board = powerOn((await readBoard(boardFile)) ?? board, randomUUID(), kernelBootClock.nowMs());
    await writeBoard(boardFile, board);
  }
}

/** What people do to a board from outside: switch it off for good, or pull its plug. */
class PowerSwitch {
  #onAction: (end: "stop" | "plug") => void = () => undefined;
  #stopped = false;

  constructor() {
    const stop = (): void => {
      this.#stopped = true;
      this.#onAction("stop");
    };
    process.on("SIGTERM", stop);
    process.on("SIGINT", stop);
    process.on("SIGUSR2", () => this.#onAction("plug"));
  }

  /** Resolves at the next touch. */
  nextAction(): Promise<"stop" | "plug"> {
    if (this.#stopped) return Promise.resolve("stop");
    return new Promise((resolve) => (this.#onAction = resolve));
  }

  /** Waits, unless it is switched off meanwhile. */
  async delay(delayMs: number): Promise<"stop" | "plug" | "rested"> {
    const waking = new AbortController();
    const rested = sleep(delayMs, "rested" as const, { signal: waking.signal }).catch(() => "rested" as const);
    const how = await Promise.race([rested, this.nextAction()]);
    waking.abort();
    return how;
  }
}

/** One life of the agent's process. */
async function runAgent({ program, args, boardFile }: SimulationOptions, hands: PowerSwitch): Promise<AgentEnd> {
  const child = fork(program, [...args], { env: { ...process.env, BOARDKEEPER_BOARD_FILE: boardFile } });
  const exited = new Promise<AgentEnd>((resolve) => {
    child.once("exit", (status) => resolve({ kind: "exit", status }));
    child.once("error", () => resolve({ kind: "exit", status: null }));
  });
  const ordered = new Promise<AgentEnd>((resolve) => {
    child.on("message", (message) => {
      if (message === "reboot") resolve({ kind: "reboot" });
    });
  });
  const touched = hands.nextAction().then((kind): AgentEnd => ({ kind }));
  const end = await Promise.race([exited, ordered, touched]);
  if (end.kind !== "exit") await stopAgent(child, exited, end.kind === "plug" ? "SIGKILL" : "SIGTERM");
  return end;
}

async function stopAgent(child: ChildProcess, exited: Promise<AgentEnd>, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal);
  const late = setTimeout(() => child.kill("SIGKILL"), stopMs);
  await exited;
  clearTimeout(late);
}

/** Asks the process that plays the board for a reboot: it stops this one and starts another. */
export const simulatedReboot: RebootPort = {
  async reboot(): Promise<void> {
    if (process.send === undefined)
      throw new Error("No simulated board is under this agent; start it with --simulate.");
    process.send("reboot");
  },
  inhibitors: () => Promise.resolve([]),
};

/** Ends this process at once when the board under it is gone, as a real one ends without power. */
export function exitWithParent(): void {
  process.on("disconnect", () => process.exit(1));
  process.channel?.unref(); // The channel alone keeps no agent alive.
}
