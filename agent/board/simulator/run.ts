import { fork, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type RebootPort } from "../../reboot/runner.ts";
import { kernelBootClock } from "../hardware/boot.ts";
import { createBoard, powerOn, readBoard, writeBoard } from "./board.ts";
import type { Log } from "../../lib/log.ts";

export interface SimulationOptions {
  /** The agent's program and arguments. */
  readonly program: string;
  readonly args: readonly string[];
  /** The file of the simulated board. */
  readonly boardFile: string;
  readonly firmwareVersion: string;
  readonly bootMs: number;
  readonly log: Log;
}

/** Shorter than systemd's RestartSec= and TimeoutStopSec=. */
const restartMs = 1_000;
const stopMs = 5_000;
/** EX_CONFIG: a restart would not help. */
const exitConfig = 78;

/** Why the agent's process ended. */
type AgentEnd =
  | { readonly kind: "reboot" | "power-cut" | "stop" }
  | { readonly kind: "exit"; readonly status: number | null };

/**
 * Simulates the board of an agent: power, boot loader, and the systemd that restarts the agent. A reboot really ends the agent's
 * process and starts another one. SIGUSR2 cuts the power: the agent is killed.
 * @returns the status to exit with
 */
export async function runSimulatedBoard(options: SimulationOptions): Promise<number> {
  const { boardFile, firmwareVersion, bootMs, log } = options;
  const power = new PowerSwitch();
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
      end = await runAgent(options, power);
      if (end.kind !== "exit") break;
      if (end.status === exitConfig) return exitConfig;
      log.warn({ status: end.status }, "agent ended, starting it again");
      if ((await power.delay(restartMs)) === "stop") return 0;
    }
    if (end.kind === "stop") return 0;
    log.info({ cause: end.kind }, "board goes down");
    if ((await power.delay(bootMs)) === "stop") return 0;
    board = powerOn((await readBoard(boardFile)) ?? board, randomUUID(), kernelBootClock.nowMs());
    await writeBoard(boardFile, board);
  }
}

/** What a person does to the board: stop it (SIGTERM, SIGINT), or cut its power (SIGUSR2). */
class PowerSwitch {
  #onAction: (end: "stop" | "power-cut") => void = () => undefined;
  #stopped = false;

  constructor() {
    const stop = (): void => {
      this.#stopped = true;
      this.#onAction("stop");
    };
    process.on("SIGTERM", stop);
    process.on("SIGINT", stop);
    process.on("SIGUSR2", () => this.#onAction("power-cut"));
  }

  /** Resolves at the next action. */
  nextAction(): Promise<"stop" | "power-cut"> {
    if (this.#stopped) return Promise.resolve("stop");
    return new Promise((resolve) => (this.#onAction = resolve));
  }

  /** Waits for so long, or until the next action. */
  async delay(delayMs: number): Promise<"stop" | "power-cut" | "elapsed"> {
    const over = new AbortController();
    const elapsed = sleep(delayMs, "elapsed" as const, { signal: over.signal }).catch(() => "elapsed" as const);
    const action = await Promise.race([elapsed, this.nextAction()]);
    over.abort();
    return action;
  }
}

/** Runs the agent's process to its end. */
async function runAgent({ program, args, boardFile }: SimulationOptions, power: PowerSwitch): Promise<AgentEnd> {
  const child = fork(program, [...args], { env: { ...process.env, BOARDKEEPER_BOARD_FILE: boardFile } });
  const exited = new Promise<AgentEnd>((resolve) => {
    child.once("exit", (status) => resolve({ kind: "exit", status }));
    child.once("error", () => resolve({ kind: "exit", status: null }));
  });
  const rebootRequested = new Promise<AgentEnd>((resolve) => {
    child.on("message", (message) => {
      if (message === "reboot") resolve({ kind: "reboot" });
    });
  });
  const action = power.nextAction().then((kind): AgentEnd => ({ kind }));
  const end = await Promise.race([exited, rebootRequested, action]);
  if (end.kind !== "exit") await stopAgent(child, exited, end.kind === "power-cut" ? "SIGKILL" : "SIGTERM");
  return end;
}

async function stopAgent(child: ChildProcess, exited: Promise<AgentEnd>, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal);
  const late = setTimeout(() => child.kill("SIGKILL"), stopMs);
  await exited;
  clearTimeout(late);
}

/** In the agent's process: asks the parent, which simulates the board, for a reboot. It ends this process and starts another. */
export const simulatedReboot: RebootPort = {
  async reboot(): Promise<void> {
    if (process.send === undefined) throw new Error("The agent has no simulated board. Start it with --simulate.");
    process.send("reboot");
  },
  inhibitors: () => Promise.resolve([]),
};

/** In the agent's process: ends it at once when the simulated board has ended, as a power cut does. */
export function exitWithParent(): void {
  process.on("disconnect", () => process.exit(1));
  process.channel?.unref(); // The channel alone keeps no agent alive.
}
