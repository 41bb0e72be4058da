import { StateStore, type StateFile } from "../../agent/state/store.ts";
import { createLog, type Log } from "../../agent/lib/log.ts";
import { initialState, type AgentState } from "../../agent/operations/agent-state.ts";
import { Alerts } from "../../agent/alerts.ts";
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
  readonly saves: AgentState[] = [];
  /** Saves that were asked for, refused ones included. */
  tries = 0;
  refusal: Error | undefined;

  save(saved: AgentState): Promise<void> {
    this.tries += 1;
    if (this.refusal !== undefined) return Promise.reject(this.refusal);
    this.saves.push(structuredClone(saved));
    return Promise.resolve();
  }
}

export function storeWith(
  changes: Partial<AgentState> = {},
  {
    file = new FakeStateFile(),
    time = new FakeTime(),
    alerts = new Alerts([]),
    log = quiet,
  }: { file?: StateFile; time?: FakeTime; alerts?: Alerts; log?: Log } = {},
): StateStore {
  const stopping = new AbortController().signal;
  const ports = { file, timer: time, bootClock: time, alerts, log, stopping };
  return new StateStore(ports, { ...initialState("boot-1"), ...changes });
}
