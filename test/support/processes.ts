import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { isJsonObject } from "../../agent/contract/json.ts";
import type { JsonObject } from "../../agent/contract/json.ts";
import type { LocalHub } from "../../service-tools/local-hub/options.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** The agent as it ships: built by scripts/build, which scripts/test runs first. */
const program = "dist/boardkeeper-agent.mjs";

/** A process of the agent, with the lines that it has logged. */
export class AgentProcess {
  readonly #child: ChildProcess;
  readonly lines: JsonObject[] = [];
  errors = "";
  #news: (() => void)[] = [];
  readonly exited: Promise<number | null>;

  /** @param under a program with its arguments that starts the agent, such as strace */
  constructor(args: string[], env: Record<string, string>, under: readonly string[] = []) {
    const [command = "", ...words] = [...under, process.execPath, program, ...args];
    this.#child = spawn(command, words, {
      env: { PATH: process.env["PATH"], HOME: "/nonexistent", ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    let rest = "";
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      const [...whole] = (rest + text).split("\n");
      rest = whole.pop() ?? "";
      for (const line of whole) this.#take(line);
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.errors += text));
    this.exited = once(this.#child, "close").then(([status]) => {
      this.#wake();
      return typeof status === "number" ? status : null;
    });
    onTestFinished(() => this.killAll());
  }

  /** The first line, from now or before, with these members; rejects when the process ends without it. */
  async line(members: JsonObject, { after = 0 } = {}): Promise<JsonObject> {
    let ended = false;
    void this.exited.then(() => (ended = true));
    for (;;) {
      const found = this.lines
        .slice(after)
        .find((line) => Object.entries(members).every(([key, value]) => line[key] === value));
      if (found !== undefined) return found;
      if (ended) throw new Error(`The agent ended without logging ${JSON.stringify(members)}: ${this.errors}`);
      await new Promise<void>((resolve) => this.#news.push(resolve));
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Kills the simulated board and the agent on it; SIGKILL cannot be refused. */
  killAll(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // The whole group is gone already.
    }
  }

  #take(line: string): void {
    const parsed: unknown = JSON.parse(line);
    if (isJsonObject(parsed)) this.lines.push(parsed);
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#news.splice(0)) wake();
  }
}

/** A simulated board in processes of its own, with everything of it in one temporary folder. */
export interface BoardProcess {
  readonly folder: string;
  start(extra?: Record<string, string>, under?: readonly string[]): AgentProcess;
}

export async function boardProcess(
  hub: LocalHub,
  deviceId = "board-1",
  env: Record<string, string> = {},
): Promise<BoardProcess> {
  const folder = await temporaryFolder();
  await mkdir(folder, { recursive: true });
  const connectionString = await hub.addDevice(deviceId);
  return {
    folder,
    start: (extra = {}, under = []) =>
      new AgentProcess(
        ["run", "--simulate", "--state-dir", join(folder, "state")],
        {
          IOTHUB_DEVICE_CONNECTION_STRING: connectionString,
          BOARDKEEPER_HUB_CA_FILE: hub.caFile,
          BOARDKEEPER_SIMULATION_PAUSE_SECONDS: "0",
          BOARDKEEPER_SIMULATION_BOOT_SECONDS: "0",
          BOARDKEEPER_UPDATE_HEALTHY_FOR_SECONDS: "0",
          ...env,
          ...extra,
        },
        under,
      ),
  };
}
