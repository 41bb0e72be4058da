import { Journal, type StateFile } from "../../agent/state/store.ts";
import { createLog, type Log } from "../../agent/lib/log.ts";
import { blank, type Saved } from "../../agent/operations/agent-state.ts";
import { Problems } from "../../agent/alerts.ts";
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
  /** Saves that were asked for, refused ones included. */
  tries = 0;
  refusal: Error | undefined;

  save(saved: Saved): Promise<void> {
    this.tries += 1;
    if (this.refusal !== undefined) return Promise.reject(this.refusal);
    this.saves.push(structuredClone(saved));
    return Promise.resolve();
  }
}

export function journalWith(
  changes: Partial<Saved> = {},
  {
    file = new FakeStateFile(),
    time = new FakeTime(),
    problems = new Problems([]),
    log = quiet,
  }: { file?: StateFile; time?: FakeTime; problems?: Problems; log?: Log } = {},
): Journal {
  const stopping = new AbortController().signal;
  const ports = { file, timer: time, bootClock: time, problems, log, stopping };
  return new Journal(ports, { ...blank("boot-1"), ...changes });
}
