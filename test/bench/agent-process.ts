import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createInterface, type Interface } from "node:readline";

/** A line of the agent's log. */
export interface LogLine {
  readonly msg: string;
  readonly [key: string]: unknown;
}

export interface AgentOptions {
  readonly connectionString: string;
  readonly caFile: string;
  readonly stateDir: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** The agent as boards get it (scripts/build), on a simulated board, in processes of its own. */
export class AgentProcess {
  readonly #board: ChildProcess;
  readonly #lines: Interface;
  readonly #ended: Promise<never>;
  readonly #waiting = new Map<(line: LogLine) => boolean, (line: LogLine) => void>();
  /** Of the agent itself, not of the parent that plays its board. */
  pid = 0;

  private constructor(board: ChildProcess) {
    this.#board = board;
    if (board.stdout === null) throw new Error("The agent was started without a pipe for its log.");
    this.#ended = once(board, "exit").then(() => {
      throw new Error("The agent ended before it came to what the bench waits for.");
    });
    this.#ended.catch(() => undefined); // Nobody may be waiting.
    this.#lines = createInterface({ input: board.stdout });
    this.#lines.on("line", (text) => this.#take(JSON.parse(text) as LogLine));
  }

  /** Resolves when it is connected. */
  static async start({ connectionString, caFile, stateDir, env }: AgentOptions): Promise<AgentProcess> {
    const agent = new AgentProcess(
      spawn(process.execPath, ["dist/boardkeeper-agent.mjs", "run", "--simulate", "--state-dir", stateDir], {
        env: {
          PATH: process.env["PATH"],
          IOTHUB_DEVICE_CONNECTION_STRING: connectionString,
          BOARDKEEPER_HUB_CA_FILE: caFile,
          BOARDKEEPER_SIMULATION_PAUSE_SECONDS: "0",
          BOARDKEEPER_SIMULATION_BOOT_SECONDS: "0",
          ...env,
        },
        stdio: ["ignore", "pipe", "inherit"],
      }),
    );
    await agent.says(({ msg }) => msg === "connected to the hub");
    return agent;
  }

  /** The next line of its log that is such; rejects when it ends without. */
  async says(isIt: (line: LogLine) => boolean): Promise<LogLine> {
    const said = new Promise<LogLine>((resolve) => this.#waiting.set(isIt, resolve));
    return await Promise.race([said, this.#ended]);
  }

  /** When it enters this phase of an update, or fails on the way there. */
  async enters(phase: string): Promise<void> {
    const line = await this.says(({ msg, to }) => msg === "update phase" && (to === phase || to === "failed"));
    if (line["to"] !== phase) throw new Error(`The update failed: ${JSON.stringify(line["error"])}`);
  }

  /** In bytes: what is resident now, or was at most since `resetPeak`. */
  async memory(field: "VmRSS" | "VmHWM"): Promise<number> {
    const status = await readFile(`/proc/${this.pid}/status`, "utf8");
    return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1_024;
  }

  /** In bytes: what is resident now, with its part of what it shares with other processes (PSS). */
  async proportionalMemory(): Promise<number> {
    const rollup = await readFile(`/proc/${this.pid}/smaps_rollup`, "utf8");
    return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1]) * 1_024;
  }

  /** What is resident now becomes the peak. */
  async resetPeak(): Promise<void> {
    await writeFile(`/proc/${this.pid}/clear_refs`, "5");
  }

  /** Processor time of all its threads, in seconds; the kernel counts it in hundredths. */
  async cpuSeconds(): Promise<number> {
    const stat = await readFile(`/proc/${this.pid}/stat`, "utf8");
    // proc(5): utime and stime are fields 14 and 15; the second may hold spaces, and ends with the last bracket.
    const [utime, stime] = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .slice(11, 13);
    return (Number(utime) + Number(stime)) / 100;
  }

  /**
   * Leaves its log unread during some work: otherwise this process would read a line of it while it waits for an answer, which on a
   * board is journald's task. A pipe takes 64 KiB.
   */
  async withLogUnread(work: () => Promise<void>): Promise<void> {
    this.#lines.pause();
    await work();
    this.#lines.resume();
  }

  async stop(): Promise<void> {
    const ended = once(this.#board, "exit");
    this.#board.kill("SIGTERM");
    await ended;
  }

  #take(line: LogLine): void {
    if (typeof line["pid"] === "number") this.pid = line["pid"];
    for (const [isIt, resolve] of this.#waiting) {
      if (!isIt(line)) continue;
      this.#waiting.delete(isIt);
      resolve(line);
    }
  }
}
