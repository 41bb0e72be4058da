import * as v from "valibot";
import { sha256Hex, shortText, wholeNumber } from "../contract/check.ts";
import type { ConfigSnapshot } from "../contract/snapshot.ts";
import { canonicalJson, isJsonObject, type JsonObject } from "../contract/json.ts";
import { invalidPayload, type Validated, type ErrorResponse } from "../contract/error-response.ts";
import type { Decision } from "../state/ports.ts";
import { flatten, parseSettings, settingNames } from "./parse-settings.ts";
import { settings, type Settings } from "./settings.ts";

/*
 * Configuration that comes over the hub: the desired property `boardkeeper` holds settings by the names that they have in the
 * TOML file. Pure: the store takes these decisions one at a time.
 */

/** What may be set from afar: nothing here can cost a board its hub, or lets anybody install what the file forbids. */
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

/** The settings of the board with those of a desired section laid over them; every mistake, if it has any. */
export function overlaySettings(
  base: Settings,
  section: JsonObject,
): { readonly settings: Settings; readonly problems: readonly string[] } {
  const values = flatten(section);
  const remoteNames: readonly string[] = remoteFields.map((field) => settings[field].name);
  const notRemote = Object.keys(values).filter((name) => settingNames.includes(name) && !remoteNames.includes(name));
  const read = parseSettings([{ source: "boardkeeper", values }]);
  const taken = remoteFields.filter((field) => Object.hasOwn(values, settings[field].name));
  const overlay = Object.fromEntries(taken.map((field) => [field, read.settings[field]]));
  const refused = notRemote.map((name) => `boardkeeper: ${name} can be set in the board's own configuration only`);
  return { settings: Object.freeze({ ...base, ...overlay }), problems: [...read.problems, ...refused] };
}

/** What a desired section comes to before the saved state is looked at. */
export interface RemoteRequest {
  /** The digest of its content. */
  readonly identity: string;
  readonly desiredVersion: number;
  readonly section: JsonObject;
  readonly validated: Validated<Settings>;
}

/** A section as it was read, with the mistakes that only the board can find (in its windows). */
export function validateRemote(section: unknown, base: Settings): Validated<Settings> {
  if (!isJsonObject(section)) return invalidPayload(["boardkeeper: expected an object of settings"]);
  const { settings, problems } = overlaySettings(base, section);
  return problems.length > 0 ? invalidPayload(problems) : { ok: true, value: settings };
}

export type RemoteOutcome =
  | { readonly kind: "known" | "applied" | "removed" }
  | { readonly kind: "refused"; readonly refusal: ErrorResponse };

/**
 * A desired `boardkeeper` section: applied or refused as a whole. Refused, what was applied last goes on. The answer carries
 * the `$version` of the document, of the same content too: whoever has sent it waits for that.
 */
export function decideRemote(
  saved: RemoteConfigSlice,
  request: RemoteRequest,
): Decision<RemoteConfigSlice, RemoteOutcome> {
  const { identity, desiredVersion, section, validated } = request;
  const before = saved.remote;
  const isSame = before?.identity === identity;
  const isApplied = isSame && before.refused === null;
  // A refusal lasts as long as its reason: the board may know the setting, or the timezone, since its last start.
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

/** The desired properties have no such section (any more): the board's own configuration counts alone. */
export function decideRemoteRemoved(saved: RemoteConfigSlice): Decision<RemoteConfigSlice, RemoteOutcome> {
  if (saved.remote === undefined) return { answer: { kind: "known" } };
  return { change: { remote: undefined }, answer: { kind: "removed" } };
}

/** The board's answer, as the hub may know it; null where nothing is set from afar. */
export function describeRemote({ remote }: RemoteConfigSlice): ConfigSnapshot | null {
  if (remote === undefined) return null;
  const { desiredVersion: version, refused } = remote;
  return { version, status: refused === null ? "applied" : "refused", error: refused };
}

/** The same text for the same content. */
export function canonicalContent(section: unknown): string {
  return canonicalJson(section ?? null);
}
