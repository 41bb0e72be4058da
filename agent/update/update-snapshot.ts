import type { UpdateSnapshot } from "../contract/snapshot.ts";
import { describeMissingWindow, type BlockedBy } from "../maintenance/window.ts";
import type { Job, UpdateSlice } from "./job.ts";

/** The progress of a download, kept in memory only: it changes too often for an SD card. */
export interface DownloadProgress {
  readonly receivedBytes: number;
  /** Null when neither the request nor the server gives it. */
  readonly totalBytes: number | null;
  /** Why it waits for a retry; null or absent while bytes arrive. */
  readonly delay?: UpdateDelay | null;
}

/** Why an update makes no progress. */
export type UpdateDelay = NonNullable<UpdateSnapshot["delay"]>;

/**
 * The update as it is reported to the hub.
 * @param wait what its maintenance window or its lease last waited for; null before the first check
 * @param retry why its present step is tried again; null while it is not
 */
export function describeUpdate(
  { update, handledDesired }: Pick<UpdateSlice, "update" | "handledDesired">,
  progress: DownloadProgress | null,
  wait: BlockedBy | null = null,
  retry: UpdateDelay | null = null,
): UpdateSnapshot {
  const refused = handledDesired?.refused ?? null;
  const common = {
    refused: refused && { ...refused, desiredVersion: handledDesired?.desiredVersion ?? 0 },
    waitsFor: null,
    waitsUntil: null,
    delay: null,
    error: null,
    attempt: null,
    receivedBytes: null,
    totalBytes: null,
  };
  if (update.phase === "idle") {
    return { ...common, phase: "idle", operationId: null, version: null, rehearsal: false, times: {}, startBy: null };
  }
  const { operationId, version, rehearsal, sizeBytes, startBy = null } = update.job;
  const imageBytes = "image" in update ? update.image.sizeBytes : null;
  return {
    ...common,
    phase: update.phase,
    operationId,
    version,
    rehearsal,
    times: update.times,
    startBy,
    receivedBytes: update.phase === "downloading" ? (progress?.receivedBytes ?? null) : imageBytes,
    totalBytes: update.phase === "downloading" ? (progress?.totalBytes ?? sizeBytes) : (imageBytes ?? sizeBytes),
    delay: update.phase === "downloading" ? (progress?.delay ?? null) : update.times.ended === undefined ? retry : null,
    attempt: ("attempt" in update ? update.attempt : null) ?? null,
    ...(update.phase === "staged" && retry === null ? describeWait(update.job, wait) : {}),
    error: ("error" in update ? update.error : undefined) ?? null,
  };
}

function describeWait(
  { apply, startBy }: Job,
  wait: BlockedBy | null,
): Pick<UpdateSnapshot, "waitsFor" | "waitsUntil"> & Partial<Pick<UpdateSnapshot, "delay">> {
  switch (apply) {
    case "now":
      // With a lease: whether that has expired.
      return { waitsFor: startBy !== undefined && wait?.kind === "clockUnknown" ? "clock" : null, waitsUntil: null };
    case "manual":
      return { waitsFor: "order", waitsUntil: null };
    case "window":
      if (wait?.kind === "clockUnknown") return { waitsFor: "clock", waitsUntil: null };
      return {
        waitsFor: "window",
        waitsUntil: wait?.kind === "closed" ? wait.until : null,
        delay: describeMissingWindow(wait, "begin at once (applyFirmwareUpdate)"),
      };
  }
}
