import { truncateUtf8 } from "../safe-text.ts";
import type { JsonObject } from "../json.ts";
import { finalError, type Snapshot, type UpdatePhase } from "../snapshot.ts";

/** The states of the Python tutorials, at the root of the reported properties. */
type FirmwareStatus = "standBy" | "downloading" | "applying" | "completed";

const statusOf: Record<UpdatePhase, FirmwareStatus> = {
  idle: "standBy",
  accepted: "standBy",
  downloading: "downloading",
  verifying: "downloading",
  staged: "downloading",
  applying: "applying",
  rebooting: "applying",
  proving: "applying",
  reverting: "applying",
  completed: "completed",
  failed: "standBy",
  rolledBack: "standBy",
  cancelled: "standBy",
};

/**
 * The twin root as "Get started with device management" and "Firmware update" (Python), and the Java tutorial
 * (`lastReboot`) read it. `rebootTime` is present only after a proven reboot and until the next request: a poller stops at the
 * first `rebootTime` that it sees.
 */
export function formatRoot({ agent, update, reboot, lastProvenUpdate }: Snapshot): JsonObject {
  const { times } = update;
  const error = finalError(update);
  return {
    rebootTime: reboot.phase === "proven" ? (reboot.last?.at ?? null) : null,
    lastReboot: reboot.last?.at ?? null,
    logTime: agent.startedAt,
    firmwareStatus: statusOf[update.phase],
    firmwareError: error && truncateUtf8(`${error.code}: ${error.message}`),
    downloadComplete: times.verifying ?? null,
    startedApplyingImage: times.applying ?? null,
    lastFirmwareUpdate: update.phase === "completed" ? (times.ended ?? null) : (lastProvenUpdate?.at ?? null),
  };
}
