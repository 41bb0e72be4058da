import { truncateUtf8 } from "../safe-text.ts";
import type { JsonObject } from "../json.ts";
import type { Snapshot, UpdatePhase, UpdateSnapshot } from "../snapshot.ts";

/** The states of the tutorial "Implement a device firmware update process", under `firmware`. */
type FwUpdateStatus = "current" | "downloading" | "verifying" | "applying" | "rebooting" | "error" | "rolledback";

const statusOf: Record<UpdatePhase, FwUpdateStatus> = {
  idle: "current",
  accepted: "current",
  downloading: "downloading",
  verifying: "verifying",
  staged: "verifying",
  applying: "applying",
  rebooting: "rebooting",
  proving: "rebooting",
  reverting: "rebooting",
  completed: "current",
  failed: "error",
  rolledBack: "rolledback",
  cancelled: "current",
};

/** Phases in which `pendingFwVersion` names the version to come. */
const pending: ReadonlySet<UpdatePhase> = new Set([
  "accepted",
  "downloading",
  "verifying",
  "staged",
  "applying",
  "rebooting",
  "proving",
]);

/** `firmware` as the tutorial's service and its metrics queries read it: empty values are `''`, as in its sample. */
export function formatFirmware({ update, currentVersion }: Snapshot): JsonObject {
  // A refused document has no job: it is shown only where it hides no running job.
  const refused = !pending.has(update.phase) && update.phase !== "reverting" ? update.refused : null;
  return {
    currentFwVersion: currentVersion ?? "",
    pendingFwVersion: pending.has(update.phase) ? (update.version ?? "") : "",
    fwUpdateStatus: refused ? "error" : statusOf[update.phase],
    fwUpdateSubstatus: truncateUtf8(refused ? `${refused.code}: ${refused.message}` : substatus(update)),
    lastFwUpdateStartTime: update.times.accepted ?? "",
    lastFwUpdateEndTime: update.times.ended ?? "",
  };
}

function substatus(update: UpdateSnapshot): string {
  const { phase, delay, error } = update;
  const retry = delay ? `, waiting to go on: ${delay.code}: ${delay.message}` : "";
  switch (phase) {
    case "staged":
      return describeStaged(update);
    case "proving":
      return `proving the new system healthy${retry}`;
    case "reverting":
      return `going back to the old system: ${error ? error.message : "the new one was not proven"}${retry}`;
    case "cancelled":
      return error ? `cancelled: ${error.code}: ${error.message}` : "cancelled";
    case "failed":
    case "rolledBack":
      return error ? `${error.code}: ${error.message}` : "";
    case "downloading":
      return delay ? `waiting to go on: ${delay.code}: ${delay.message}` : "";
    case "idle":
    case "accepted":
    case "completed":
      return "";
    case "verifying":
    case "applying":
    case "rebooting":
      return delay ? `waiting to go on: ${delay.code}: ${delay.message}` : "";
  }
}

function describeStaged({ waitsFor, waitsUntil: until, startBy, delay }: UpdateSnapshot): string {
  const why = delay && `${delay.code}: ${delay.message}`;
  switch (waitsFor) {
    case "window":
      if (why !== null) return `staged, waiting for a maintenance window: ${why}`;
      return `staged, waiting for the maintenance window${until === null ? "" : ` at ${until}`}`;
    case "clock":
      return `staged, waiting for the clock to be set${startBy === null ? ", and then for the maintenance window" : ""}`;
    case "order":
      return "staged, waiting for applyFirmwareUpdate";
    case null:
      return why === null ? "staged" : `staged, waiting to go on: ${why}`;
  }
}
