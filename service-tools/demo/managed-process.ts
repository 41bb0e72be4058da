import { spawn, type ChildProcess } from "node:child_process";
import { open, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Program } from "../images/server-process.ts";
import type { Environment } from "../context.ts";

/** How long a process may take to exit after SIGTERM. */
const stopTimeoutMs = 2_000;

export interface ProcessOptions {
  readonly program: Program;
  readonly args: readonly string[];
  readonly env: Environment;
  readonly logFile: string;
  /** Whether to log its standard output, too. A hub prints its keys there. */
  readonly logsStdout: boolean;
}

/**
 * A child process that leads its own process group: Ctrl-C in the terminal does not reach it, so that we stop it in order;
 * and it can be killed together with its own children.
 */
export class ManagedProcess {
  readonly logFile: string;
  readonly #child: ChildProcess;
  /** Resolves with the signal or exit code, or the reason why it did not start. */
  readonly ended: Promise<string>;
  /** Resolves when it sends its first message over Node's IPC channel. */
  readonly ready: Promise<void>;
  #hasEnded = false;

  private constructor(child: ChildProcess, logFile: string) {
    this.#child = child;
    this.logFile = logFile;
    this.ended = new Promise((resolve) => {
      child.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
      child.once("error", (error) => resolve(error.message));
    });
    void this.ended.then(() => (this.#hasEnded = true));
    this.ready = new Promise((resolve) => child.once("message", () => resolve()));
  }

  static async start({ program, args, env, logFile, logsStdout }: ProcessOptions): Promise<ManagedProcess> {
    const log = await open(logFile, "w", 0o600);
    try {
      const child = spawn(program.executable, [...program.arguments, ...args], {
        env,
        detached: true,
        stdio: ["ignore", logsStdout ? log.fd : "ignore", log.fd, "ipc"],
      });
      return new ManagedProcess(child, logFile);
    } finally {
      await log.close();
    }
  }

  /** Stops it with SIGTERM; after 2 s, kills what is left of its process group. */
  async stop(): Promise<void> {
    if (!this.#hasEnded) this.#child.kill("SIGTERM");
    const stopped = new AbortController();
    // Rejects when `stopped` aborts it; the race is decided by then.
    const late = sleep(stopTimeoutMs, undefined, { signal: stopped.signal }).catch(() => undefined);
    await Promise.race([this.ended, late]);
    stopped.abort();
    this.kill();
    await this.ended;
  }

  /** Kills its process group at once. */
  kill(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch (cause) {
      // ESRCH: the whole group has ended already.
      if (!(cause instanceof Error && "code" in cause && cause.code === "ESRCH")) throw cause;
    }
  }

  /** The end of its log. */
  async lastLogLines(lines: number): Promise<string> {
    const text = await readFile(this.logFile, "utf8");
    return text.trimEnd().split("\n").slice(-lines).join("\n");
  }
}
