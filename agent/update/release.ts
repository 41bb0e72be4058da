import type { Journal } from "../journal.ts";
import type { Job } from "./job.ts";

/**
 * Resolves when a staged image may be applied: at once, unless it waits for the order `applyFirmwareUpdate` (which makes
 * the job one that applies now); and never while the board is on its way down for another reason.
 */
export async function released(journal: Journal, { operationId }: Job, signal: AbortSignal): Promise<void> {
  await journal.until(
    ({ update, reboot }) =>
      "job" in update &&
      update.job.operationId === operationId &&
      update.job.apply === "now" &&
      reboot.phase !== "rebooting",
    signal,
  );
}
