import { join } from "node:path";
import { isAbsent } from "../../lib/errors.ts";
import { historyAfter, readHistory, writeHistory, type HistoryEntry } from "../../operations/history.ts";
import type { Log } from "../../lib/log.ts";
import { stateFileNames } from "../../config/paths.ts";
import type { AgentState } from "../../operations/agent-state.ts";
import { nodeDisk, type Disk } from "./disk.ts";
import { nearlyFullBytes, freeDiskBytes, replaceFile } from "./files.ts";

/**
 * How this board's updates and reboots ended, in a small file beside the saved state. No decision depends on it, so it never
 * takes room that the state may need: when the disk is full or fails, the history is written with a later save.
 */
export class HistoryFile {
  readonly #folder: string;
  readonly #path: string;
  readonly #disk: Disk;
  readonly #freeBytes: typeof freeDiskBytes;

  constructor(folder: string, disk: Disk = nodeDisk, freeBytes = freeDiskBytes) {
    this.#folder = folder;
    this.#path = join(folder, stateFileNames.history);
    this.#disk = disk;
    this.#freeBytes = freeBytes;
  }

  /** Empty where there is no file yet. Rejects when it cannot be read or is damaged. */
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

  /**
   * A function that records every end in the states that it gets, one after the other. Never rejects: what cannot be written
   * now is written with a later state.
   */
  recorder({ log, now }: { readonly log: Log; readonly now: () => string }): (saved: AgentState) => Promise<void> {
    let onDisk: readonly HistoryEntry[] | undefined;
    /** Including the ends that are not on disk yet. */
    let entries: readonly HistoryEntry[] | undefined;
    let hasFailed = false;
    const note = async (saved: AgentState): Promise<void> => {
      onDisk ??= await this.read();
      entries = historyAfter(entries ?? onDisk, saved, now());
      if (entries === onDisk) return;
      await this.#write(entries);
      onDisk = entries;
    };
    return async (saved) => {
      try {
        await note(saved);
        hasFailed = false;
      } catch (cause) {
        if (!hasFailed)
          log.warn({ err: cause }, "operation not written to the history, trying again after the next save");
        hasFailed = true;
      }
    };
  }

  async #write(entries: readonly HistoryEntry[]): Promise<void> {
    const free = await this.#freeBytes(this.#folder);
    if (free < nearlyFullBytes)
      throw new Error(
        `The disk is nearly full: ${free} bytes are free, and those are kept for the state. Free some space.`,
      );
    await replaceFile(this.#path, writeHistory(entries), this.#disk);
  }
}
