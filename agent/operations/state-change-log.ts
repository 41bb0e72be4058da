import type { Log } from "../lib/log.ts";
import type { AgentStateStore } from "./agent-state.ts";

/** Logs one line for each phase that an update or a reboot enters, with the same words every time: a bad end as a warning, with its reason. */
export function logStateChanges(store: AgentStateStore, log: Log): void {
  let { update, reboot } = store.state;
  store.onChange((saved) => {
    if (saved.update.phase !== update.phase) {
      const job = "job" in saved.update ? saved.update.job : undefined;
      const error = "error" in saved.update ? saved.update.error : undefined;
      const ids = { operationId: job?.operationId, version: job?.version, rehearsal: job?.rehearsal };
      const level = error === undefined ? "info" : "warn";
      log[level]({ ...ids, from: update.phase, to: saved.update.phase, error }, "update phase");
    }
    if (saved.reboot.phase !== reboot.phase) {
      const operationId = "job" in saved.reboot ? saved.reboot.job?.operationId : undefined;
      const cause = "cause" in saved.reboot ? saved.reboot.cause : saved.reboot.last?.cause;
      const error = "error" in saved.reboot ? saved.reboot.error : undefined;
      const level = error === undefined ? "info" : "warn";
      log[level]({ operationId, from: reboot.phase, to: saved.reboot.phase, cause, error }, "reboot phase");
    }
    ({ update, reboot } = saved);
  });
}
