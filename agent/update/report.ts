import type { UpdateSnapshot } from "../contract/snapshot.ts";
import type { Saved } from "../saved.ts";

/** How far a download has come: kept in memory only, because it changes too often for an SD card. */
export interface Progress {
  readonly receivedBytes: number;
  /** Null when neither the request nor the server told. */
  readonly totalBytes: number | null;
  /** Why it waits for another try; null or absent while it goes on. */
  readonly delay?: Delay | null;
}

export type Delay = NonNullable<UpdateSnapshot["delay"]>;

/** The update as the hub may know it. */
export function describeUpdate({ update, handledDesired }: Saved, progress: Progress | null): UpdateSnapshot {
  const refused = handledDesired?.refused ?? null;
  const common = {
    refused: refused && { ...refused, desiredVersion: handledDesired?.desiredVersion ?? 0 },
    waitsFor: null,
    delay: null,
    error: null,
    attempt: null,
    receivedBytes: null,
    totalBytes: null,
  };
  if (update.phase === "idle") {
    return { ...common, phase: "idle", operationId: null, version: null, rehearsal: false, times: {} };
  }
  const { operationId, version, rehearsal, sizeBytes, apply } = update.job;
  const imageBytes = "image" in update ? update.image.sizeBytes : null;
  return {
    ...common,
    phase: update.phase,
    operationId,
    version,
    rehearsal,
    times: update.times,
    receivedBytes: update.phase === "downloading" ? (progress?.receivedBytes ?? null) : imageBytes,
    totalBytes: update.phase === "downloading" ? (progress?.totalBytes ?? sizeBytes) : (imageBytes ?? sizeBytes),
    delay: update.phase === "downloading" ? (progress?.delay ?? null) : null,
    attempt: "attempt" in update ? update.attempt : null,
    waitsFor: update.phase === "staged" ? waitOf(apply) : null,
    error: "error" in update ? update.error : null,
  };
}

function waitOf(apply: "now" | "window" | "manual"): UpdateSnapshot["waitsFor"] {
  if (apply === "now") return null;
  return apply === "window" ? "window" : "order";
}
