import type { Json, JsonObject } from "../json.ts";
import { features } from "../features.ts";
import type { HardwareInfo, Snapshot } from "../snapshot.ts";

/** The most names of a board that are reported: the first are the ones that tell it from others. */
const maxNames = 3;

/**
 * Our own format, under `boardkeeper`: the whole snapshot. No key here may contain the word that the reboot tutorial's service
 * searches the twin's text for, which is why the last proven reboot is `lastProven`.
 */
export function formatBoardkeeper(snapshot: Snapshot): JsonObject {
  const { agent, board, trust, config, update, reboot, currentVersion } = snapshot;
  return {
    agent: { ...agent, features: [...features] },
    board: {
      ...board,
      compatible: board.compatible.slice(0, maxNames),
      equipment: board.equipment && equipmentJson(board.equipment),
    },
    trust: { ...trust },
    firmwareVersion: currentVersion,
    config: config && { ...config, error: config.error && { ...config.error } },
    update: {
      phase: update.phase,
      operationId: update.operationId,
      version: update.version,
      rehearsal: update.rehearsal,
      receivedBytes: update.receivedBytes,
      totalBytes: update.totalBytes,
      attempt: update.attempt,
      startBy: update.startBy,
      waitsFor: update.waitsFor,
      waitsUntil: update.waitsUntil,
      delay: update.delay && { ...update.delay },
      acceptedAt: update.times.accepted ?? null,
      endedAt: update.times.ended ?? null,
      error: update.error && { ...update.error },
      refused: update.refused && { ...update.refused },
      lastProven: snapshot.lastProvenUpdate && { ...snapshot.lastProvenUpdate },
    },
    reboot: {
      phase: reboot.phase,
      operationId: reboot.operationId,
      reason: reboot.reason,
      scheduledFor: reboot.scheduledFor,
      delay: reboot.delay && { ...reboot.delay },
      startedAt: reboot.startedAt,
      fromBootId: reboot.fromBootId,
      cause: reboot.cause,
      error: reboot.error && { ...reboot.error },
      lastProven: reboot.last && { ...reboot.last },
    },
  } satisfies Record<string, Json>;
}

function equipmentJson({ disks, interfaces, ...rest }: HardwareInfo): JsonObject {
  return { ...rest, disks: disks.map((one) => ({ ...one })), interfaces: interfaces.map((one) => ({ ...one })) };
}
