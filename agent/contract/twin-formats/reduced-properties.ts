import { isJsonObject, type Json, type JsonObject } from "../json.ts";
import { truncateUtf8 } from "../safe-text.ts";

/**
 * What gives way, in this order, where the twin has no room for all reported properties: each step leaves out what the one
 * before it left out, and more. What a program waits for goes last: phases, statuses, versions, operation ids, error codes.
 */
export const reductions = ["details", "times", "texts", "facts"] as const;

/** How much of the reported properties is left out: 0 for nothing, 1 for the first of `reductions`, and so on. */
export type ReductionLevel = number;

export const mostReduced: ReductionLevel = reductions.length;

/** The paths that a step leaves out. A path that names an object leaves all of it out. */
const leftOut: readonly (readonly string[])[] = [
  // What the board is made of, and how far a download has come.
  [
    "boardkeeper.board",
    "boardkeeper.update.receivedBytes",
    "boardkeeper.update.totalBytes",
    "boardkeeper.update.attempt",
  ],
  // When earlier phases began. A poller of the Java and Node tutorials waits for `lastReboot`.
  [
    "logTime",
    "downloadComplete",
    "startedApplyingImage",
    "lastFirmwareUpdate",
    "iothubDM.reboot.startedRebootTime",
    "iothubDM.firmwareUpdate.startedWaitingTime",
    "iothubDM.firmwareUpdate.startedDownloadingTime",
    "iothubDM.firmwareUpdate.downloadCompleteTime",
    "iothubDM.firmwareUpdate.startedApplyingImage",
    "iothubDM.firmwareUpdate.lastFirmwareUpdate",
    "firmware.lastFwUpdateStartTime",
    "firmware.lastFwUpdateEndTime",
    "boardkeeper.agent.startedAt",
    "boardkeeper.update.acceptedAt",
    "boardkeeper.reboot.startedAt",
  ],
  // Sentences for people; errors stay, cut short.
  [
    "boardkeeper.agent.problems",
    "boardkeeper.update.delay",
    "boardkeeper.reboot.reason",
    "boardkeeper.reboot.delay",
    "firmware.fwUpdateSubstatus",
  ],
  // Facts that nobody waits for.
  [
    "boardkeeper.agent.version",
    "boardkeeper.agent.mode",
    "boardkeeper.agent.clockSynchronized",
    "boardkeeper.trust",
    "boardkeeper.update.startBy",
    "boardkeeper.update.waitsFor",
    "boardkeeper.update.waitsUntil",
    "boardkeeper.reboot.scheduledFor",
  ],
];

/** From this step on a text is cut to so many bytes. */
const textsLevel: ReductionLevel = 3;
const shortTextBytes = 80;

/**
 * The reported properties without what gives way at this level. Every key that the agent owns is still named, null where it
 * is left out: so the difference to the twin removes it, and no old value stays behind.
 */
export function reduceProperties(whole: JsonObject, level: ReductionLevel): JsonObject {
  const paths = leftOut.slice(0, level).flat();
  const kept = paths.length === 0 ? whole : without(whole, new Set(paths), "");
  return level < textsLevel ? kept : withShortTexts(kept);
}

function without(section: JsonObject, paths: ReadonlySet<string>, parent: string): JsonObject {
  return Object.fromEntries(
    Object.entries(section).map(([key, value]) => {
      const path = `${parent}${key}`;
      if (paths.has(path)) return [key, null];
      return [key, isJsonObject(value) ? without(value, paths, `${path}.`) : value];
    }),
  );
}

function withShortTexts(section: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(section).map(([key, value]) => [key, shortened(value)]));
}

function shortened(value: Json): Json {
  if (typeof value === "string") return truncateUtf8(value, shortTextBytes);
  return isJsonObject(value) ? withShortTexts(value) : value;
}
