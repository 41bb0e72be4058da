import { nearestKey } from "../contract/near-keys.ts";
import { redact } from "../contract/safe-text.ts";
import type { Setting } from "./setting-types.ts";
import { settings, type Settings } from "./settings.ts";

/* From what is written (TOML, environment, command line, twin) to the typed settings. Pure. */

const byName = new Map(
  Object.entries<Setting<unknown>>(settings).map(([field, setting]) => [setting.name, { field, setting }]),
);

/** The TOML names of all settings. */
export const settingNames: readonly string[] = [...byName.keys()];

/** The environment variable of a setting: BOARDKEEPER_UPDATE_COMMAND_TIME_LIMIT_SECONDS. */
export function environmentVariable(name: string): string {
  return `BOARDKEEPER_${name.toUpperCase().replaceAll(/[.-]/g, "_")}`;
}

/** Values as written in one source: a file, a variable, the command line, the twin. */
export interface SettingSource {
  /** For error messages: a path, or a variable's name. */
  readonly source: string;
  /** TOML names to raw values. A name that is no setting's is a mistake. */
  readonly values: Readonly<Record<string, unknown>>;
}

/** Parses every value of every source; a later source overrides an earlier one. Lists every mistake, each with its source. */
export function parseSettings(sources: readonly SettingSource[]): {
  readonly settings: Settings;
  readonly problems: readonly string[];
} {
  const problems: string[] = [];
  const parsed: Record<string, unknown> = Object.fromEntries(
    Object.entries(settings).map(([field, { initial }]) => [field, initial]),
  );
  for (const { source, values } of sources) {
    for (const [name, value] of Object.entries(values)) {
      const known = byName.get(name);
      if (known === undefined) {
        problems.push(`${source === name ? "environment" : source}: ${redact(name)} is not a setting${nearest(name)}`);
        continue;
      }
      const read = known.setting.parse(value);
      if (read.ok) parsed[known.field] = read.value;
      else problems.push(`${source}: ${name}: expected ${read.expected}, got ${describeValue(name, value)}`);
    }
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each field was set by its own Setting
  return { settings: Object.freeze(parsed) as Settings, problems };
}

/**
 * A refused value, for the message about it. Values under `hub.` are never repeated, nor what looks like a key or a signature:
 * the likeliest slip is a connection string where the path of its file is expected.
 */
function describeValue(name: string, value: unknown): string {
  const written = JSON.stringify(value) ?? String(value);
  const isSecret = /SharedAccess|sig=/i.test(written);
  if (!isSecret && !name.startsWith("hub.")) return redact(written);
  const kind = typeof value === "string" ? `a text of ${value.length} characters` : "another value";
  if (!isSecret) return kind;
  return /HostName=/i.test(written)
    ? `${kind}: this looks like a connection string; the setting wants ${name === settings.connectionStringFile.name ? "the path of a file that holds it" : "something else"}`
    : `${kind} that looks like a secret`;
}

/** A TOML document as TOML names to values. A table whose name is a setting's is that setting's value. */
export function flatten(document: object): Record<string, unknown> {
  return Object.fromEntries(membersOf(document, "")); // Not by assignment: a key may be called __proto__.
}

function membersOf(table: object, prefix: string): [string, unknown][] {
  return Object.entries(table).flatMap(([key, value]): [string, unknown][] => {
    const name = prefix + key;
    return isTable(value) && !byName.has(name) ? membersOf(value, `${name}.`) : [[name, value]];
  });
}

function isTable(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function nearest(name: string): string {
  const last = name.split(".").at(-1) ?? name;
  const alike =
    settingNames.find((known) => known.split(".").at(-1) === last.replaceAll("_", "-")) ??
    nearestKey(name.replaceAll("_", "-"), settingNames);
  return alike === undefined ? "" : ` (did you mean ${alike}?)`;
}
