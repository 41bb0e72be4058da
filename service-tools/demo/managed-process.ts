import { spawn, type ChildProcess } from "node:child_process";
import { open, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Program } from "../images/server-process.ts";
import type { Environment } from "../context.ts";

/** How long a process gets to end by itself. Nothing that it keeps outlives the demo, so it need not be long. */
const stopWithinMs = 2_000;

export interface ProcessOptions {
  readonly program: Program;
  readonly args: readonly string[];
  readonly env: Environment;
  readonly logFile: string;
  /** Whether its results are logged too: those of a hub hold its keys. */
  readonly logsStdout: boolean;
}

/**
 * A process beside ours, the leader of a process group: Ctrl-C in the terminal does not reach it, so that we end it in
 * good order; and what it has started can be ended with it.
 */
export class ManagedProcess {
  readonly logFile: string;
  readonly #child: ChildProcess;
  /** Resolves with how it ended. */
  readonly ended: Promise<string>;
  /** Resolves when it says over the channel that Node opens that it is ready. */
  readonly ready: Promise<void>;
  #isOver = false;

  private constructor(child: ChildProcess, logFile: string) {
    this.#child = child;
    this.logFile = logFile;
    this.ended = new Promise((resolve) => {
      child.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
      child.once("error", (error) => resolve(error.message));
    });
    void this.ended.then(() => (this.#isOver = true));
    this.ready = new Promise((resolve) => child.once("message", () => resolve()));
  }

  static async start({
    program,
    args,
    env,
    logFile,
    logsStdout: keepsResults,
  }: ProcessOptions): Promise<ManagedProcess> {
    const log = await open(logFile, "w", 0o600);
    try {
      const child = spawn(program.executable, [...program.arguments, ...args], {
        env,
        detached: true,
        stdio: ["ignore", keepsResults ? log.fd : "ignore", log.fd, "ipc"],
      });
      return new ManagedProcess(child, logFile);
    } finally {
      await log.close();
    }
  }

  /** Ends it in good order, and whatever is left of its group after that. */
  async stop(): Promise<void> {
    if (!this.#isOver) this.#child.kill("SIGTERM");
    const patience = new AbortController();
    const late = sleep(stopWithinMs, undefined, { signal: patience.signal }).catch(() => undefined);
    await Promise.race([this.ended, late]);
    patience.abort();
    this.kill();
    await this.ended;
  }

  /** Ends it and its group at once, where there is no time to wait. */
  kill(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch (cause) {
      // ESRCH: nothing of the group is left.
      if (!(cause instanceof Error && "code" in cause && cause.code === "ESRCH")) throw cause;
    }
  }

  /** The last lines that it wrote. */
  async lastLogLines(lines: number): Promise<string> {
    const text = await readFile(this.logFile, "utf8");
    return text.trimEnd().split("\n").slice(-lines).join("\n");
  }
}
