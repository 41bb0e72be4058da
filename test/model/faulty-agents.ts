import type { Scenario } from "./environment.ts";
import { explore } from "./explore.ts";
import type { JsonObject } from "../../agent/contract/json.ts";
import type { StateFile } from "../../agent/state/ports.ts";
import type { AgentState } from "../../agent/operations/agent-state.ts";
import type { BootCounter } from "../../agent/update/ports.ts";
import type { Scheduler } from "./scheduler.ts";

/* Agents that do not save what they must, or report what is not so: the invariants have to catch each of them. */

/** Names a save by the state that it enters. */
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

/** Collects the names of all saves. */
function recordingSaves(heard: Set<string>) {
  return (real: StateFile<AgentState>): StateFile<AgentState> => ({
    save: async (saved) => {
      heard.add(entered(saved));
      await real.save(saved);
    },
  });
}

/** Does not save one state. */
export function skippingSave(what: string) {
  return (real: StateFile<AgentState>): StateFile<AgentState> => ({
    save: async (saved) => {
      if (entered(saved) !== what) await real.save(saved);
    },
  });
}

/** Reports one state as saved, and saves it after the next action. */
function delayingSave(what: string) {
  return (real: StateFile<AgentState>, scheduler: Scheduler): StateFile<AgentState> => {
    let last: Promise<void> = Promise.resolve();
    return {
      save: async (saved) => {
        if (entered(saved) !== what) {
          await last;
          return await real.save(saved);
        }
        scheduler.afterAction.push(() => {
          last = real.save(saved).catch(() => undefined); // A write that fails is lost, as for any agent with this mistake.
        });
      },
    };
  };
}

/** Does not save that it gives up, which only repeated crashes bring about. */
export function skippingSaveOfGivingUp(real: StateFile<AgentState>): StateFile<AgentState> {
  return {
    save: async (saved) => {
      if ("error" in saved.update && saved.update.error?.code === "interrupted-too-often") return;
      await real.save(saved);
    },
  };
}

/** Counts its installations, but only to two. */
export function countingOnlyToTwo(real: StateFile<AgentState>): StateFile<AgentState> {
  return {
    save: async (saved) => {
      const { update } = saved;
      const isMore = update.phase === "applying" && update.attempt > 2;
      await real.save(isMore ? { ...saved, update: { ...update, attempt: 2 } } : saved);
    },
  };
}

/** Saves an update without the time by which it must begin. */
export function forgettingLease(real: StateFile<AgentState>): StateFile<AgentState> {
  return {
    save: async (saved) => {
      const { update } = saved;
      if (!("job" in update)) return await real.save(saved);
      const { startBy: _forgotten, ...job } = update.job;
      await real.save({ ...saved, update: { ...update, job } });
    },
  };
}

/** Does not write that value of the boot counter. */
export function skippingBootCount(count: number) {
  return (real: BootCounter): BootCounter => ({
    read: () => real.read(),
    write: async (written) => {
      if (written !== count) await real.write(written);
    },
  });
}

/** Reports that value of the boot counter as written, and writes it after the next action. */
export function delayingBootCount(count: number) {
  return (real: BootCounter, scheduler: Scheduler): BootCounter => ({
    read: () => real.read(),
    write: async (written) => {
      if (written !== count) return await real.write(written);
      scheduler.afterAction.push(() => void real.write(written).catch(() => undefined)); // The same.
    },
  });
}

/** Collects all values of the boot counter. */
export function recordingBootCounts(heard: Set<number>) {
  return (real: BootCounter): BootCounter => ({
    read: () => real.read(),
    write: async (written) => {
      heard.add(written);
      await real.write(written);
    },
  });
}

/** What the twin must not say of a board in the middle of its first update, in each of the four formats. */
export const falseReports: Readonly<Record<string, JsonObject>> = {
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

const runOptions = { fineSteps: false };

/** Each of these is saved again with the next state, before any action that could not be repeated. */
const notNeeded = /^skips: (rebooting, armed|reverting, reverted) \/ /;

/**
 * Tries, one after the other, each agent that skips or delays one save.
 * @param savesOf the saves of the histories of so many faults
 * @param maxFaults with how many faults such an agent must be caught
 * @returns those that no history catches, except where the save is not needed
 */
export async function findUndetected(scenario: Scenario, savesOf: number, maxFaults: number): Promise<string[]> {
  const saves = new Set<string>();
  await explore(scenario, {
    maxFaults: savesOf,
    runOptions: { ...runOptions, makeStateFile: recordingSaves(saves) },
  });
  const escaped: string[] = [];
  for (const save of saves) {
    for (const [name, makeStateFile] of Object.entries({ skips: skippingSave(save), delays: delayingSave(save) })) {
      const caught = async (faults: number): Promise<boolean> => {
        const { violation } = await explore(scenario, {
          maxFaults: faults,
          runOptions: { ...runOptions, makeStateFile },
        });
        return violation !== undefined || (faults < maxFaults && (await caught(faults + 1))); // Few faults are quicker.
      };
      if (!(await caught(Math.min(1, maxFaults)))) escaped.push(`${name}: ${save}`);
    }
  }
  return escaped.filter((one) => !notNeeded.test(one));
}
