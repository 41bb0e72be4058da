import type { Alerts } from "../lib/alerts.ts";
import { runtimeFor, type Runtime } from "../lib/runtime.ts";
import { DiskReserve, type ReserveFile } from "../state/disk-reserve.ts";
import type { StateFile } from "../state/ports.ts";
import { PersistentStateStore } from "../state/store.ts";
import { WriteActivity } from "../state/write-activity.ts";
import type { BootCounter } from "../update/ports.ts";
import { initialState, type AgentState, type AgentStateStore } from "./agent-state.ts";

export interface StateStoragePorts {
  readonly runtime: Runtime;
  readonly bootId: string;
  readonly stateFile: StateFile<AgentState>;
  /** What the state file held at start; undefined for a board on which nothing was saved yet. */
  readonly loadedState: AgentState | undefined;
  /** Called with each saved state: records the operations that have ended. Never rejects. Absent where no history is kept. */
  readonly recordHistory?: ((state: AgentState) => Promise<void>) | undefined;
  readonly bootCounter: BootCounter;
  /** Space for the state and the boot counter on a full disk; absent where no space is reserved. */
  readonly reserve?: ReserveFile | undefined;
}

/** Everything that the agent must save, and how it reaches the disk. */
export interface StateStorage {
  readonly store: AgentStateStore;
  readonly bootCounter: BootCounter;
  readonly activity: WriteActivity;
  /** Fills the disk reserve. Never rejects. */
  fillReserve(): Promise<void>;
}

/** Builds the storage: each write is counted for the watchdog, and uses the disk reserve where the disk is full. */
export function createStateStorage(ports: StateStoragePorts, alerts: Alerts, stopping: AbortSignal): StateStorage {
  const { runtime, bootId, stateFile, loadedState, recordHistory, reserve, bootCounter } = ports;
  const activity = new WriteActivity();
  const diskReserve = reserve && new DiskReserve({ ...runtimeFor("reserve", runtime), reserve, alerts, stopping });
  const write = async (act: () => Promise<void>): Promise<void> =>
    await activity.track(() => (diskReserve === undefined ? act() : diskReserve.withReserve(act)));
  const save = async (state: AgentState): Promise<void> => {
    await stateFile.save(state);
    await recordHistory?.(state);
  };
  return {
    store: new PersistentStateStore<AgentState>(
      { ...runtimeFor("state", runtime), file: { save: (state) => write(() => save(state)) }, alerts, stopping },
      loadedState ?? initialState(bootId),
    ),
    bootCounter: { read: () => bootCounter.read(), write: (count) => write(() => bootCounter.write(count)) },
    activity,
    fillReserve: async () => await diskReserve?.start(),
  };
}
