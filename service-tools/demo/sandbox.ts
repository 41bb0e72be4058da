import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context, Environment } from "../context.ts";
import { ManagedProcess, type ProcessOptions } from "./managed-process.ts";

/** A folder and some processes that are there for a while, and gone without a trace whatever happens. */
export class Sandbox {
  readonly home: string;
  readonly #processes: ManagedProcess[] = [];
  readonly #forget: () => void;

  private constructor(home: string, atExit: Context["atExit"]) {
    this.home = home;
    // The last resort, for a second Ctrl-C or a fault: then there is no time for good order.
    this.#forget = atExit(() => {
      for (const one of this.#processes) one.kill();
      rmSync(home, { recursive: true, force: true });
    });
  }

  static async create({ atExit }: Pick<Context, "atExit">): Promise<Sandbox> {
    return new Sandbox(await mkdtemp(join(tmpdir(), "boardkeeper-demo-")), atExit);
  }

  async start(options: ProcessOptions): Promise<ManagedProcess> {
    const companion = await ManagedProcess.start(options);
    this.#processes.push(companion);
    return companion;
  }

  /** Ends the processes, those that were started last first, and removes the folder. */
  async cleanUp(): Promise<void> {
    for (const companion of this.#processes.toReversed()) await companion.stop();
    await rm(this.home, { recursive: true, force: true });
    this.#forget();
  }
}

/** Variables that would make the demo's programs speak to another hub, or behave otherwise than shown. */
const foreign = /^(BOARDKEEPER_|IOTHUB_|CREDENTIALS_DIRECTORY$|STATE_DIRECTORY$)/;

/** What the demo's processes and commands are given: their own home, and pauses long enough to be seen. */
export function demoEnvironment(env: Environment, home: string): Environment {
  const own = Object.entries(env).filter(([name]) => !foreign.test(name));
  return {
    ...Object.fromEntries(own),
    BOARDKEEPER_HOME: home,
    BOARDKEEPER_SIMULATION_PAUSE_SECONDS: "2",
    BOARDKEEPER_SIMULATION_BOOT_SECONDS: "2",
    BOARDKEEPER_REPORT_PROGRESS_SECONDS: "0",
    // A server of the demo's own that is gone does not come back: nobody has to watch a board try for a day.
    BOARDKEEPER_UPDATE_DOWNLOAD_DEADLINE_SECONDS: "0",
  };
}
