import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Reachable } from "./raw-https.ts";

/** The CLI as it ships: built by scripts/build, which scripts/test runs first. */
const program = "dist/boardkeeper.js";

/** A command of `boardkeeper` in a process of its own, with what it has written so far. */
export class ToolProcess {
  readonly #child: ChildProcess;
  stdout = "";
  stderr = "";
  /** The exit status, or the signal that ended it; when both pipes are closed too, so also by its children. */
  readonly ended: Promise<number | NodeJS.Signals>;
  #news: (() => void)[] = [];

  constructor(home: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(process.execPath, [program, ...args], {
      env: { PATH: process.env["PATH"], BOARDKEEPER_HOME: home, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
      this.#wake();
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
      this.#wake();
    });
    this.ended = once(this.#child, "close").then(([status, signal]: (number | NodeJS.Signals)[]) => {
      this.#wake();
      return status ?? signal ?? -1;
    });
    endWithTest(-this.pid);
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error("The process could not be started.");
    return pid;
  }

  /** Waits until it has written this, and answers what of it matched; rejects when it ends without. */
  async says(what: string | RegExp): Promise<string> {
    let over = false;
    void this.ended.then(() => (over = true));
    for (;;) {
      const found = matchIn(this.stdout, what) ?? matchIn(this.stderr, what);
      if (found !== undefined) return found;
      if (over) throw new Error(`boardkeeper ended without saying '${String(what)}':\n${this.stdout}${this.stderr}`);
      await new Promise<void>((resolve) => this.#news.push(resolve));
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** A signal to the process and its children, as Ctrl-C on a terminal gives it. */
  killGroup(signal: NodeJS.Signals): void {
    process.kill(-this.pid, signal);
  }

  #wake(): void {
    for (const wake of this.#news.splice(0)) wake();
  }
}

function matchIn(text: string, what: string | RegExp): string | undefined {
  if (typeof what === "string") return text.includes(what) ? what : undefined;
  return what.exec(text)?.[0];
}

/** Kills this process, or with a minus this group of processes, when the test is over; SIGKILL cannot be refused. */
export function endWithTest(pid: number): void {
  onTestFinished(() => {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It is gone already.
    }
  });
}

export interface Ended {
  readonly status: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. */
export async function boardkeeper(home: string, ...args: string[]): Promise<Ended> {
  const tool = new ToolProcess(home, args);
  const status = await tool.ended;
  return { status, stdout: tool.stdout, stderr: tool.stderr };
}

/** Starts a hub in the foreground and waits until it is up. */
export async function hubProcess(home: string): Promise<ToolProcess> {
  const hub = new ToolProcess(home, ["hub", "start"]);
  await hub.says("The hub is running.");
  return hub;
}

/** The hub of this home, as its files say how to reach it. */
export async function reachable(home: string): Promise<Reachable> {
  const folder = join(home, "hub");
  const context: { connectionString: string; mqttPort: number; httpsPort: number; imagesUrl: string } = JSON.parse(
    await readFile(join(folder, "context.json"), "utf8"),
  );
  return {
    ports: { mqtt: context.mqttPort, https: context.httpsPort, images: Number(new URL(context.imagesUrl).port) },
    ca: await readFile(join(folder, "ca.pem"), "utf8"),
    serviceConnectionString: () => context.connectionString,
    deviceConnectionString: (deviceId, moduleId) => {
      const name = moduleId === undefined ? deviceId : `${deviceId}~${moduleId}`;
      const file: { connectionString: string } = JSON.parse(
        readFileSync(join(folder, "devices", `${name}.json`), "utf8"),
      );
      return file.connectionString;
    },
  };
}

/** The processes that were started with this in their environment. */
export function processesWith(variable: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && environmentOf(name).split("\0").includes(variable))
    .map(Number);
}

function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8");
  } catch {
    return ""; // It has ended meanwhile, or is somebody else's.
  }
}
