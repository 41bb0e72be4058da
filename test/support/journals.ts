import { Journal, type StateFile } from "../../agent/journal.ts";
import { createLog, type Log } from "../../agent/log.ts";
import { blank, type Saved } from "../../agent/saved.ts";
import { FakeTime } from "./fake-time.ts";

export const quiet: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  fatal: () => undefined,
  child: () => quiet,
};

/** Silent, unless somebody wants to see what an agent did: TEST_LOG=1. */
export const testLog: Log = process.env["TEST_LOG"]
  ? createLog("debug", { write: (line) => process.stderr.write(line) })
  : quiet;

/** A state file in memory that remembers each save, and refuses on demand. */
export class FakeStateFile implements StateFile {
  readonly saves: Saved[] = [];
  refusal: Error | undefined;

  save(saved: Saved): Promise<void> {
    if (this.refusal !== undefined) return Promise.reject(this.refusal);
    this.saves.push(structuredClone(saved));
    return Promise.resolve();
  }
}

export function journalWith(
  changes: Partial<Saved> = {},
  { file = new FakeStateFile(), time = new FakeTime() }: { file?: FakeStateFile; time?: FakeTime } = {},
): Journal {
  return new Journal({ file, timer: time, log: quiet }, { ...blank("boot-1"), ...changes });
}
