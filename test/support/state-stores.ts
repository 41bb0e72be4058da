import { PersistentStateStore } from "../../agent/state/store.ts";
import type { StateFile } from "../../agent/state/ports.ts";
import type { Log } from "../../agent/lib/log.ts";
import { initialState, type AgentState, type AgentStateStore } from "../../agent/operations/agent-state.ts";
import { Alerts } from "../../agent/lib/alerts.ts";
import { FakeTime } from "./fake-time.ts";
import { fakeRuntime } from "./fake-runtime.ts";
import { quiet } from "./logs.ts";

/** A state file in memory that remembers each save, and refuses on demand. */
export class FakeStateFile implements StateFile<AgentState> {
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
  }: { file?: StateFile<AgentState>; time?: FakeTime; alerts?: Alerts; log?: Log } = {},
): AgentStateStore {
  const stopping = new AbortController().signal;
  const ports = { ...fakeRuntime({ time, log }), file, alerts, stopping };
  return new PersistentStateStore<AgentState>(ports, { ...initialState("boot-1"), ...changes });
}
