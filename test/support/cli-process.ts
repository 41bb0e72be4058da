import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { onTestFinished } from "vitest";

/** The CLI as it ships: built by scripts/build, which scripts/test runs first. */
const program = "dist/boardkeeper.js";

/** A command line as a process of its own, with what it has written so far. */
export class CliProcess {
  readonly #child: ChildProcess;
  out = "";
  err = "";
  #isOver = false;
  #listeners: (() => void)[] = [];
  readonly exitCode: Promise<number | null>;

  constructor(args: readonly string[], env: Readonly<Record<string, string>>) {
    this.#child = spawn(process.execPath, [program, ...args], {
      env: { PATH: process.env["PATH"], HOME: "/nonexistent", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => this.#hear(() => (this.out += text)));
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => this.#hear(() => (this.err += text)));
    this.exitCode = once(this.#child, "close").then(([status]) => {
      this.#hear(() => (this.#isOver = true));
      return typeof status === "number" ? status : null;
    });
    onTestFinished(() => void this.#child.kill("SIGTERM"));
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves with the match once it has been written, to either output; rejects when the process ends without. */
  async written(what: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = what.exec(this.out) ?? what.exec(this.err);
      if (found !== null) return found;
      if (this.#isOver) throw new Error(`It ended without writing ${String(what)}:\n${this.out}\n${this.err}`);
      await new Promise<void>((resolve) => this.#listeners.push(resolve));
    }
  }

  #hear(note: () => void): void {
    note();
    for (const listener of this.#listeners.splice(0)) listener();
  }
}

/** The processes that were started with this in their environment. */
export function processesWith(variable: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => environmentOf(pid).split("\0").includes(variable))
    .map(Number);
}

function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8");
  } catch {
    return ""; // It has ended meanwhile, or is somebody else's.
  }
}
