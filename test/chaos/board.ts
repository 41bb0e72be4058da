import { spawn, type ChildProcess } from "node:child_process";
import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { isJsonObject, type JsonObject } from "../../agent/contract/json.ts";

/** A simulated board in processes of its own, as it ships, and what it logs. */
export class ChaosBoard {
  readonly deviceId: string;
  readonly #child: ChildProcess;
  readonly #folder: string;
  /** The agent that lives on it now. */
  pid = 0;
  boots = 0;
  agents = 0;
  connections = 0;
  /** Lines at level fatal: an agent that ended because it knew no better. */
  readonly fatal: string[] = [];
  /** How often each operation's installation was begun. */
  readonly applied = new Map<string, number>();
  #waiting: (() => void)[] = [];

  constructor(deviceId: string, folder: string, env: Record<string, string>) {
    this.deviceId = deviceId;
    this.#folder = join(folder, deviceId);
    const program = ["--import", "./test/chaos/collect.mjs", "dist/boardkeeper-agent.mjs"];
    this.#child = spawn(process.execPath, [...program, "run", "--simulate", "--state-dir", this.#folder], {
      env: {
        PATH: process.env["PATH"],
        BOARDKEEPER_SIMULATION_PAUSE_SECONDS: "0",
        BOARDKEEPER_SIMULATION_BOOT_SECONDS: "0",
        BOARDKEEPER_UPDATE_HEALTHY_FOR_SECONDS: "0",
        BOARDKEEPER_UPDATE_PROVE_WITHIN_SECONDS: "1800",
        BOARDKEEPER_UPDATE_SILENCE_SECONDS: "5",
        ...env,
      },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const log = createWriteStream(join(folder, `${deviceId}.log`));
    let rest = "";
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      log.write(text);
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#take(line);
    });
    this.#child.stderr?.pipe(log);
  }

  async connected(times = 1): Promise<void> {
    while (this.connections < times) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** The board loses its power for a moment. */
  pullPlug(): void {
    this.#child.kill("SIGUSR2");
  }

  /** The agent is killed where it stands; the board starts it again. */
  killAgent(): void {
    try {
      process.kill(this.pid, "SIGKILL");
    } catch {
      // It has ended by itself; the next one is on its way.
    }
  }

  /** What the agent holds in memory after everything it does not need is collected, in bytes. */
  async heldBytes(): Promise<number> {
    process.kill(this.pid, "SIGPWR");
    await pause(2_000);
    const status = await readFile(`/proc/${this.pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1_024;
  }

  /** The version that the board's boot loader runs. */
  async runningVersion(): Promise<string> {
    const { slots, running } = JSON.parse(await readFile(join(this.#folder, "board", "board.json"), "utf8")) as {
      slots: Record<string, string>;
      running: string;
    };
    return slots[running] ?? "";
  }

  stop(): void {
    if (this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, "SIGKILL");
    } catch {
      // The whole group is gone already.
    }
  }

  #take(line: string): void {
    const entry: unknown = line === "" ? undefined : JSON.parse(line);
    if (!isJsonObject(entry)) return;
    this.#note(entry);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #note(entry: JsonObject): void {
    if (entry["msg"] === "board started") this.boots += 1;
    if (entry["msg"] === "connected to the hub") this.connections += 1;
    if (entry["msg"] === "agent started") {
      this.agents += 1;
      this.pid = Number(entry["pid"]);
    }
    if (entry["level"] === "fatal") this.fatal.push(JSON.stringify(entry));
    if (entry["msg"] === "update phase" && entry["to"] === "applying") {
      const operation = JSON.stringify(entry["operationId"]);
      this.applied.set(operation, (this.applied.get(operation) ?? 0) + 1);
    }
  }
}
