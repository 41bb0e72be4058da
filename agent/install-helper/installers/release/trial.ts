import { check } from "../../../contract/check.ts";
import { firmwareVersion } from "../../../contract/methods.ts";

/** A release that runs and is not proven yet. systemd/libexec/release-boot reads and writes the same lines. */
export interface Trial {
  readonly operationId: string;
  readonly version: string;
  /** The version to go back to; null where there was no release before. */
  readonly before: string | null;
  /** The boot in which it was armed, or the last one that was counted. */
  readonly bootId: string;
  /** How often the board has started with it. */
  readonly boots: number;
}

/** As lines of KEY=VALUE, for a shell. */
export function formatTrial({ operationId, version, before, bootId, boots }: Trial): string {
  return `operation=${operationId}\nversion=${version}\nbefore=${before ?? ""}\nboot=${bootId}\nboots=${boots}\n`;
}

/** Undefined for no text, and for one that is not a trial: a board must stay able to install. */
export function parseTrial(text: string | undefined): Trial | undefined {
  const lines = /^operation=(.+)\nversion=(.+)\nbefore=(.*)\nboot=([0-9a-f-]+)\nboots=(\d{1,3})\n$/.exec(text ?? "");
  const [, operationId = "", version = "", before = "", bootId = "", boots = ""] = lines ?? [];
  const isVersion = (value: string): boolean => check(firmwareVersion, value).ok;
  if (lines === null || !isVersion(version) || (before !== "" && !isVersion(before))) return undefined;
  return { operationId, version, before: before === "" ? null : before, bootId, boots: Number(boots) };
}
