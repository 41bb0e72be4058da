import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context, Environment } from "../context.ts";
import { ManagedProcess, type ProcessOptions } from "./managed-process.ts";

/** A temporary folder and child processes, all of which are removed at the end, whatever happens. */
export class Sandbox {
  readonly home: string;
  readonly #processes: ManagedProcess[] = [];
  readonly #removeExitHandler: () => void;

  private constructor(home: string, atExit: Context["atExit"]) {
    this.home = home;
    // For a second Ctrl-C or a crash: it kills at once, because an exit handler cannot wait.
    this.#removeExitHandler = atExit(() => {
      for (const one of this.#processes) one.kill();
      rmSync(home, { recursive: true, force: true });
    });
  }

  static async create({ atExit }: Pick<Context, "atExit">): Promise<Sandbox> {
    return new Sandbox(await mkdtemp(join(tmpdir(), "boardkeeper-demo-")), atExit);
  }

  async start(options: ProcessOptions): Promise<ManagedProcess> {
    const process = await ManagedProcess.start(options);
    this.#processes.push(process);
    return process;
  }

  /** Stops the processes, the last one first, and removes the folder. */
  async cleanUp(): Promise<void> {
    for (const process of this.#processes.toReversed()) await process.stop();
    await rm(this.home, { recursive: true, force: true });
    this.#removeExitHandler();
  }
}

/** Variables of the user's shell that would lead the demo's programs to another hub, or change what they do. */
const excluded = /^(BOARDKEEPER_|IOTHUB_|CREDENTIALS_DIRECTORY$|STATE_DIRECTORY$)/;

/** The environment of the demo's processes and commands: their own home, and pauses long enough to watch. */
export function demoEnvironment(env: Environment, home: string): Environment {
  const kept = Object.entries(env).filter(([name]) => !excluded.test(name));
  return {
    ...Object.fromEntries(kept),
    BOARDKEEPER_HOME: home,
    BOARDKEEPER_SIMULATION_PAUSE_SECONDS: "2",
    BOARDKEEPER_SIMULATION_BOOT_SECONDS: "2",
    BOARDKEEPER_REPORT_PROGRESS_SECONDS: "0",
    // If the demo's image server exits, it does not come back: fail at once instead of retrying for a day.
    BOARDKEEPER_UPDATE_DOWNLOAD_DEADLINE_SECONDS: "0",
  };
}
