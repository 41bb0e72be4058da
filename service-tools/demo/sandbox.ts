import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { World } from "../cli/context.ts";
import { Companion, type CompanionOptions } from "./managed-process.ts";

/** A folder and some processes that are there for a while, and gone without a trace whatever happens. */
export class Stage {
  readonly home: string;
  readonly #companions: Companion[] = [];
  readonly #forget: () => void;

  private constructor(home: string, atExit: World["atExit"]) {
    this.home = home;
    // The last resort, for a second Ctrl-C or a fault: then there is no time for good order.
    this.#forget = atExit(() => {
      for (const one of this.#companions) one.kill();
      rmSync(home, { recursive: true, force: true });
    });
  }

  static async set({ atExit }: Pick<World, "atExit">): Promise<Stage> {
    return new Stage(await mkdtemp(join(tmpdir(), "boardkeeper-demo-")), atExit);
  }

  async bring(options: CompanionOptions): Promise<Companion> {
    const companion = await Companion.start(options);
    this.#companions.push(companion);
    return companion;
  }

  /** Ends the processes, those that were started last first, and removes the folder. */
  async clear(): Promise<void> {
    for (const companion of this.#companions.toReversed()) await companion.stop();
    await rm(this.home, { recursive: true, force: true });
    this.#forget();
  }
}
