import { failure, type Failure } from "../contract/failure.ts";
import type { Baseline } from "./job.ts";

/**
 * What a cancelled installation leaves: it was stopped before anything was switched, so the old system runs and stays the default.
 * Pure.
 */
export function installCancelled({ before: { version } }: { readonly before: Baseline }): Failure {
  const kept = version === null ? "the system that it had" : version;
  const message = `Cancelled while it was installed: the installer was stopped before anything was switched, and the board keeps ${kept}. The downloaded image is removed; what the installer had written (root's copy of the image, an unfinished slot or release) stays until the next update replaces it. If the update is still wanted, request it again with a new operationId.`;
  return failure("install-cancelled", "applying", message);
}
