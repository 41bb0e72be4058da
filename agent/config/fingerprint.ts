import { createHash } from "node:crypto";
import { canonicalJson, type JsonObject } from "../contract/json.ts";
import type { SettingSource } from "./parse-settings.ts";

/** Which connection string and which settings files a process has read: to compare, never to read. */
export type ConfigFingerprints = {
  /** Of the connection string; null where none was found. */
  readonly connectionString: string | null;
  /** The settings file that was read first; its drop-ins are in the folder of the same name with ".d". */
  readonly settingsFile: string;
  /** Of the values in the settings files and their drop-ins. Environment and command line have no part in it. */
  readonly settings: string;
} & JsonObject;

/** @param files the settings files, in the order in which they override each other */
export function fingerprintConfig(
  connectionString: string | undefined,
  settingsFile: string,
  files: readonly SettingSource[],
): ConfigFingerprints {
  return {
    ...fingerprintConnectionString(connectionString),
    settingsFile,
    settings: fingerprint(canonicalJson(Object.assign({}, ...files.map(({ values }) => values)))),
  };
}

export function fingerprintConnectionString(text: string | undefined): Pick<ConfigFingerprints, "connectionString"> {
  return { connectionString: text === undefined ? null : fingerprint(text) };
}

/** Enough of a SHA-256 to tell two texts apart. A connection string's key cannot be found from it. */
function fingerprint(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
