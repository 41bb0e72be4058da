import * as v from "valibot";
import { sha256Hex, shortText, wholeNumber } from "../contract/check.ts";
import type { ConfigSnapshot } from "../contract/snapshot.ts";
import { canonicalJson, isJsonObject, type JsonObject } from "../contract/json.ts";
import { keyProblems } from "../contract/near-keys.ts";
import { invalidPayload, type Validated, type ErrorResponse } from "../contract/error-response.ts";
import type { Decision } from "../state/ports.ts";
import { flatten, parseSettings, settingNames } from "./parse-settings.ts";
import { settings, type Settings } from "./settings.ts";

/*
 * Configuration from the hub: the desired property `boardkeeper` holds settings under their TOML names. Pure: the state
 * store takes these decisions one at a time.
 */

/** The settings that the hub may set: none can cut a board off its hub, or allow an installation that the file forbids. */
const remoteFields = [
  "logLevel",
  "maintenanceWindows",
  "progressReportLeastMs",
  "healthReportEveryMs",
  "healthReportLeastMs",
] as const satisfies readonly (keyof Settings)[];

/** The part of the saved agent state that is about configuration from the hub. */
export const remoteConfigSlice = v.object({
  /**
   * The last desired `boardkeeper` section that was handled, and the one that was applied: not the same where the last was
   * refused. Absent where there is none, and in what releases before it have saved.
   */
  remote: v.optional(
    v.object({
      identity: sha256Hex,
      desiredVersion: wholeNumber,
      refused: v.nullable(v.object({ code: shortText, message: v.string() })),
      applied: v.nullable(v.custom<JsonObject>(isJsonObject, "an object")),
    }),
  ),
});
export type RemoteConfigSlice = v.InferOutput<typeof remoteConfigSlice>;

/** The board's settings, overridden by those of a desired section; with every mistake in the section. */
export function overlaySettings(
  base: Settings,
  section: JsonObject,
): { readonly settings: Settings; readonly problems: readonly string[] } {
  const values = flatten(section);
  const remoteNames = new Set<string>(remoteFields.map((field) => settings[field].name));
  const notRemote = Object.keys(values).filter((name) => settingNames.includes(name) && !remoteNames.has(name));
  const read = parseSettings([{ source: "boardkeeper", values }]);
  const taken = remoteFields.filter((field) => Object.hasOwn(values, settings[field].name));
  const overlay = Object.fromEntries(taken.map((field) => [field, read.settings[field]]));
  const refused = notRemote.map((name) => `boardkeeper: ${name} can be set in the board's own configuration only`);
  return { settings: Object.freeze({ ...base, ...overlay }), problems: [...read.problems, ...refused] };
}

/** A desired section, validated, before it is compared with the saved state. */
export interface RemoteRequest {
  /** SHA-256 of its content, in hex. */
  readonly identity: string;
  readonly desiredVersion: number;
  readonly section: JsonObject;
  readonly validated: Validated<Settings>;
}

/** Validates a section, except for what only the board can find out: cron expressions and timezones. */
export function validateRemote(section: unknown, base: Settings): Validated<Settings> {
  if (!isJsonObject(section)) return invalidPayload(["boardkeeper: expected an object of settings"]);
  const wrapped = keyProblems(section, []); // Every setting that is not known is refused below.
  if (wrapped.length > 0) return invalidPayload(wrapped.map((one) => `boardkeeper: ${one}`));
  const overlaid = overlaySettings(base, section);
  return overlaid.problems.length > 0 ? invalidPayload(overlaid.problems) : { ok: true, value: overlaid.settings };
}

export type RemoteOutcome =
  | { readonly kind: "known" | "applied" | "removed" }
  | { readonly kind: "refused"; readonly refusal: ErrorResponse };

/**
 * Applies or refuses a desired section as a whole; after a refusal the last applied section stays in force. A new `$version` of the
 * same content is saved too, because whoever has sent it waits for that version in the twin.
 */
export function decideRemote(
  saved: RemoteConfigSlice,
  request: RemoteRequest,
): Decision<RemoteConfigSlice, RemoteOutcome> {
  const { identity, desiredVersion, section, validated } = request;
  const before = saved.remote;
  const isSame = before?.identity === identity;
  const isApplied = isSame && before.refused === null;
  // Validated again each time: since its last start the board may know the setting, or the timezone.
  const isKnown = isApplied || (isSame && !validated.ok);
  if (isKnown && before.desiredVersion === desiredVersion) return { answer: { kind: "known" } };
  if (validated.ok) {
    const remote = { identity, desiredVersion, refused: null, applied: section };
    return { change: { remote }, answer: { kind: isApplied ? "known" : "applied" } };
  }
  const { code, message } = validated.error;
  const remote = { identity, desiredVersion, refused: { code, message }, applied: before?.applied ?? null };
  return { change: { remote }, answer: isSame ? { kind: "known" } : { kind: "refused", refusal: validated.error } };
}

/** The desired properties have no such section: only the board's own configuration counts. */
export function decideRemoteRemoved(saved: RemoteConfigSlice): Decision<RemoteConfigSlice, RemoteOutcome> {
  if (saved.remote === undefined) return { answer: { kind: "known" } };
  return { change: { remote: undefined }, answer: { kind: "removed" } };
}

/** The answer for the twin; null where the hub sets nothing. */
export function describeRemote({ remote }: RemoteConfigSlice): ConfigSnapshot | null {
  if (remote === undefined) return null;
  const { desiredVersion: version, refused } = remote;
  return { version, status: refused === null ? "applied" : "refused", error: refused };
}

/** JSON with sorted keys: the same text for the same content. */
export function canonicalContent(section: unknown): string {
  return canonicalJson(section ?? null);
}
