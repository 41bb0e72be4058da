import type { StateFile } from "../../agent/journal.ts";
import type { Saved } from "../../agent/saved.ts";
import type { Life } from "./life.ts";

/* Agents that do not save what they must: a witness that does not see through them is no witness. */

/** What a save is about, as one word: the state that it enters. */
function entered({ update, reboot }: Saved): string {
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
  return (real: StateFile): StateFile => ({
    save: async (saved) => {
      heard.add(entered(saved));
      await real.save(saved);
    },
  });
}

/** Forgets to save one state. */
export function forgetful(what: string) {
  return (real: StateFile): StateFile => ({
    save: async (saved) => {
      if (entered(saved) !== what) await real.save(saved);
    },
  });
}

/** Says of one state that it is saved, and saves it after the next duty is done. */
export function hasty(what: string) {
  return (real: StateFile, life: Life): StateFile => {
    let last: Promise<void> = Promise.resolve();
    return {
      save: async (saved) => {
        if (entered(saved) !== what) {
          await last;
          return await real.save(saved);
        }
        life.afterDuty.push(() => {
          last = real.save(saved).catch(() => undefined); // What a disk refuses is lost, as with any agent like this one.
        });
      },
    };
  };
}

/** Forgets to save that it gives up: only a board that was cut off again and again comes so far. */
export function hopeful(real: StateFile): StateFile {
  return {
    save: async (saved) => {
      if ("error" in saved.update && saved.update.error.code === "interrupted-too-often") return;
      await real.save(saved);
    },
  };
}

/** Counts its installations, but no further than to two. */
export function innumerate(real: StateFile): StateFile {
  return {
    save: async (saved) => {
      const { update } = saved;
      const isMore = update.phase === "applying" && update.attempt > 2;
      await real.save(isMore ? { ...saved, update: { ...update, attempt: 2 } } : saved);
    },
  };
}
