import type { JsonObject } from "../../agent/contract/json.ts";
import type { StateFile } from "../../agent/state/ports.ts";
import type { AgentState } from "../../agent/operations/agent-state.ts";
import type { TrialRecord } from "../../agent/update/ports.ts";
import type { Stage } from "./scheduler.ts";

/* Agents that do not save what they must: a witness that does not see through them is no witness. */

/** What a save is about, as one word: the state that it enters. */
function entered({ update, reboot }: AgentState): string {
  switch (update.phase) {
    case "applying":
      return `applying${update.installed === null ? "" : ", installed"} / ${reboot.phase}`;
    case "rebooting":
      return `rebooting${update.armed ? ", armed" : ""} / ${reboot.phase}`;
    case "proving":
      return `proving${update.proven ? ", proven" : ""} / ${reboot.phase}`;
    case "reverting":
      return `reverting${update.reverted ? ", reverted" : ""} / ${reboot.phase}`;
    default:
      return `${update.phase} / ${reboot.phase}`;
  }
}

/** Names every save that a history makes. */
export function listening(heard: Set<string>) {
  return (real: StateFile<AgentState>): StateFile<AgentState> => ({
    save: async (saved) => {
      heard.add(entered(saved));
      await real.save(saved);
    },
  });
}

/** Forgets to save one state. */
export function forgetful(what: string) {
  return (real: StateFile<AgentState>): StateFile<AgentState> => ({
    save: async (saved) => {
      if (entered(saved) !== what) await real.save(saved);
    },
  });
}

/** Says of one state that it is saved, and saves it after the next duty is done. */
export function hasty(what: string) {
  return (real: StateFile<AgentState>, stage: Stage): StateFile<AgentState> => {
    let last: Promise<void> = Promise.resolve();
    return {
      save: async (saved) => {
        if (entered(saved) !== what) {
          await last;
          return await real.save(saved);
        }
        stage.afterDuty.push(() => {
          last = real.save(saved).catch(() => undefined); // What a disk refuses is lost, as with any agent like this one.
        });
      },
    };
  };
}

/** Forgets to save that it gives up: only a board that was cut off again and again comes so far. */
export function hopeful(real: StateFile<AgentState>): StateFile<AgentState> {
  return {
    save: async (saved) => {
      if ("error" in saved.update && saved.update.error.code === "interrupted-too-often") return;
      await real.save(saved);
    },
  };
}

/** Counts its installations, but no further than to two. */
export function innumerate(real: StateFile<AgentState>): StateFile<AgentState> {
  return {
    save: async (saved) => {
      const { update } = saved;
      const isMore = update.phase === "applying" && update.attempt > 2;
      await real.save(isMore ? { ...saved, update: { ...update, attempt: 2 } } : saved);
    },
  };
}

/** Does not write that count of starts on trial. */
export function forgetfulOfStarts(count: number) {
  return (real: TrialRecord): TrialRecord => ({
    read: () => real.read(),
    write: async (written) => {
      if (written !== count) await real.write(written);
    },
  });
}

/** Says of that count that it is written, and writes it after the next duty is done. */
export function hastyWithStarts(count: number) {
  return (real: TrialRecord, stage: Stage): TrialRecord => ({
    read: () => real.read(),
    write: async (written) => {
      if (written !== count) return await real.write(written);
      stage.afterDuty.push(() => void real.write(written).catch(() => undefined)); // The same.
    },
  });
}

/** Names every count that a history writes. */
export function listeningToStarts(heard: Set<number>) {
  return (real: TrialRecord): TrialRecord => ({
    read: () => real.read(),
    write: async (written) => {
      heard.add(written);
      await real.write(written);
    },
  });
}

/** What a twin must not say of a board that is in the middle of its first update, one vocabulary after the other. */
export const lies: Readonly<Record<string, JsonObject>> = {
  "nothing was asked for": { boardkeeper: { update: { phase: "idle", operationId: null } } },
  "a reboot was proven": {
    boardkeeper: {
      reboot: {
        phase: "proven",
        lastProven: { at: "2026-01-01T00:00:00.000Z", cause: "requested", clockSynchronized: true },
      },
    },
  },
  "another version runs": { boardkeeper: { firmwareVersion: "2.0.0" } },
  "it has rebooted (Python)": { rebootTime: "2026-01-01T00:00:00.000Z" },
  "it has rebooted (Java)": { lastReboot: "2026-01-01T00:00:00.000Z" },
  "the update is completed (Python)": { firmwareStatus: "completed" },
  "the update is completed (Node, C#)": { iothubDM: { firmwareUpdate: { status: "applyComplete" } } },
  "a reboot has begun (Node, C#)": { iothubDM: { reboot: { startedRebootTime: "2026-01-01T00:00:00.000Z" } } },
  "the update was rolled back (firmware)": { firmware: { fwUpdateStatus: "rolledback" } },
  "another version runs (firmware)": { firmware: { currentFwVersion: "2.0.0" } },
  "a word that nobody knows": { boardkeeper: { update: { mood: "good" } } },
};
