import { join } from "node:path";
import type { StateFile } from "../journal.ts";
import { historyAfter, readHistory, writeHistory, type HistoryEntry } from "../local/history.ts";
import type { Log } from "../log.ts";
import { stateNames } from "../places.ts";
import type { Saved } from "../saved.ts";
import { nodeDisk, type Disk } from "./disk.ts";
import { isAbsent, replaceFile } from "./files.ts";

/**
 * What became of this board's updates and reboots, in a small file beside the saved state. It decides nothing: where the
 * disk refuses, it is written with the next end.
 */
export class HistoryFile {
  readonly #path: string;
  readonly #disk: Disk;

  constructor(folder: string, disk: Disk = nodeDisk) {
    this.#path = join(folder, stateNames.history);
    this.#disk = disk;
  }

  /** None where there is none yet. Rejects when it cannot be read, or was damaged. */
  async read(): Promise<readonly HistoryEntry[]> {
    try {
      const read = readHistory(await this.#disk.read(this.#path));
      if (read.ok) return read.value;
      throw new Error(`${this.#path} ${read.problems.join("; ")}. Remove it to begin with a new one.`);
    } catch (cause) {
      if (isAbsent(cause)) return [];
      throw cause;
    }
  }

  /** The same state file, with every end that is saved in it noted down here too. */
  following(file: StateFile, { log, now }: { readonly log: Log; readonly now: () => string }): StateFile {
    let entries: readonly HistoryEntry[] | undefined;
    const note = async (saved: Saved): Promise<void> => {
      entries ??= await this.read();
      const next = historyAfter(entries, saved, now());
      if (next === entries) return;
      await replaceFile(this.#path, writeHistory(next), this.#disk);
      entries = next;
    };
    return {
      save: async (saved) => {
        await file.save(saved);
        await note(saved).catch((cause: unknown) => log.warn({ err: cause }, "end not noted in the history"));
      },
    };
  }
}
