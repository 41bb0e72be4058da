import type { JsonObject } from "../json.ts";
import { finalError, type Snapshot, type UpdatePhase, type UpdateSnapshot } from "../snapshot.ts";

/** The states of the Node and C# tutorials, under `iothubDM`. */
type IothubDmStatus =
  | "waiting"
  | "downloading"
  | "downloadComplete"
  | "downloadFailed"
  | "applying"
  | "applyFailed"
  | "applyComplete";

const statusOf: Record<Exclude<UpdatePhase, "failed">, IothubDmStatus> = {
  idle: "waiting",
  accepted: "waiting",
  downloading: "downloading",
  verifying: "downloadComplete",
  staged: "downloadComplete",
  applying: "applying",
  rebooting: "applying",
  proving: "applying",
  reverting: "applying",
  completed: "applyComplete",
  rolledBack: "applyFailed",
  cancelled: "waiting",
};

/**
 * `iothubDM` as the Node and C# tutorials read it: both sections exist from the first start on, because their pollers
 * throw when one is missing. `started…` times are taken before an action, all others after it.
 */
export function formatIothubDm({ update, reboot, lastProvenUpdate }: Snapshot): JsonObject {
  const { times } = update;
  const error = finalError(update);
  return {
    reboot: {
      startedRebootTime: reboot.startedAt,
      lastReboot: reboot.last?.at ?? null,
    },
    firmwareUpdate: {
      status: update.phase === "failed" ? failedStatus(update) : statusOf[update.phase],
      startedWaitingTime: times.accepted ?? null,
      startedDownloadingTime: times.downloading ?? null,
      downloadCompleteTime: times.verifying ?? null,
      startedApplyingImage: times.applying ?? null,
      lastFirmwareUpdate: update.phase === "completed" ? (times.ended ?? null) : (lastProvenUpdate?.at ?? null),
      error: error && { code: error.code, message: error.message },
    },
  };
}

/** A job that failed before its installation began is `downloadFailed`; one that failed later is `applyFailed`. */
function failedStatus({ times }: UpdateSnapshot): IothubDmStatus {
  return times.applying === undefined ? "downloadFailed" : "applyFailed";
}
