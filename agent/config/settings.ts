import { type LogLevel } from "../contract/logs.ts";
import { redact } from "../contract/redact.ts";
import { restartKinds } from "../update/job.ts";
import { windowsFrom, type MaintenanceWindow } from "../maintenance/window.ts";

/* Every setting of the agent: its default, what it may be, and how it is written in TOML and in the environment. */

const logLevels = ["debug", "info", "warn", "error"] as const satisfies readonly LogLevel[];

/** A value as it was written, read: or what was expected instead. */
type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly expected: string };

export interface Setting<T> {
  readonly initial: T;
  /** Reads a value out of TOML, or a text out of the environment. */
  readonly read: (written: unknown) => Read<T>;
}

const units: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

function choice<const T extends string>(choices: readonly T[], initial: NoInfer<T>): Setting<T> {
  const expected = `one of ${choices.map((one) => `"${one}"`).join(", ")}`;
  return {
    initial,
    read: (written) =>
      found(
        choices.find((one) => one === written),
        expected,
      ),
  };
}

function text(initial: string | null = null): Setting<string | null> {
  const expected = "a text that is not empty";
  return {
    initial,
    read: (written) => found(typeof written === "string" && written.trim() !== "" ? written : undefined, expected),
  };
}

function path(initial: string | null = null): Setting<string | null> {
  const expected = 'an absolute path, such as "/var/lib/boardkeeper"';
  return {
    initial,
    read: (written) => found(typeof written === "string" && written.startsWith("/") ? written : undefined, expected),
  };
}

function flag(initial: boolean): Setting<boolean> {
  const known = new Map<unknown, boolean>([
    [true, true],
    [false, false],
    ["true", true],
    ["false", false],
  ]);
  return { initial, read: (written) => found(known.get(written), "true or false") };
}

function whole(initial: number | null, least: number, most: number): Setting<number | null> {
  const expected = `a whole number from ${least} to ${most}`;
  return {
    initial,
    read: (written) => {
      const value = typeof written === "string" && /^\d+$/.test(written) ? Number(written) : written;
      return found(
        Number.isInteger(value) && Number(value) >= least && Number(value) <= most ? Number(value) : undefined,
        expected,
      );
    },
  };
}

/** Seconds, kept as milliseconds; parts of a second are allowed. */
function seconds(initial: number, least: number, most: number): Setting<number> {
  const expected = `a number of seconds from ${least} to ${most}`;
  return {
    initial: initial * 1_000,
    read: (written) => {
      const value = typeof written === "string" && /^\d+(\.\d+)?$/.test(written) ? Number(written) : written;
      const fits = typeof value === "number" && value >= least && value <= most;
      return found(fits ? Math.round(value * 1_000) : undefined, expected);
    },
  };
}

/** A number of bytes, or a text such as "512 MiB". */
function size(initialText: string): Setting<number> {
  const read = (written: unknown): Read<number> => {
    const expected = 'a size such as 1048576 or "512 MiB"';
    if (typeof written === "number")
      return found(Number.isSafeInteger(written) && written >= 0 ? written : undefined, expected);
    const sizeText = typeof written === "string" ? written : "";
    const [, digits = "", unit = "B"] = /^(\d+(?:\.\d+)?) ?(B|KiB|MiB|GiB|TiB)?$/.exec(sizeText) ?? [];
    const bytes = Math.round(Number(digits) * (units[unit] ?? 1));
    return found(digits !== "" && Number.isSafeInteger(bytes) ? bytes : undefined, expected);
  };
  const initial = read(initialText);
  return { initial: initial.ok ? initial.value : 0, read };
}

/** A list of texts; in the environment, a text with one between each space. */
function list(initial: readonly string[]): Setting<readonly string[]> {
  const expected = "a list of texts";
  return {
    initial,
    read: (written) => {
      const values: unknown = typeof written === "string" ? written.split(/\s+/).filter((one) => one !== "") : written;
      const fits = Array.isArray(values) && values.every((one): one is string => typeof one === "string" && one !== "");
      return found(fits ? values : undefined, expected);
    },
  };
}

/** A list of absolute paths. */
function paths(): Setting<readonly string[]> {
  const texts = list([]);
  const expected = 'a list of absolute paths, such as ["/"]';
  return {
    initial: texts.initial,
    read: (written) => {
      const read = texts.read(written);
      return found(read.ok && read.value.every((one) => one.startsWith("/")) ? read.value : undefined, expected);
    },
  };
}

/** Maintenance windows: a list of tables; in the environment, the same as JSON. */
function maintenanceWindows(): Setting<readonly MaintenanceWindow[]> {
  const expected = 'windows such as [{ cron = "0 2 * * *", duration = "2h", timezone = "Europe/Berlin" }]';
  return {
    initial: [],
    read: (written) => {
      const windows = windowsFrom(typeof written === "string" ? parsed(written) : written);
      return windows.ok ? windows : { ok: false, expected: `${expected} (${windows.problems.join("; ")})` };
    },
  };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json; // Refused as what it is: a text.
  }
}

function found<T>(value: T | undefined, expected: string): Read<T> {
  return value === undefined ? { ok: false, expected } : { ok: true, value };
}

/** By their path in the TOML file; docs/configuration.md explains each. */
export const settings = {
  "hub.connection-string-file": path(),
  "hub.keep-connection-string": flag(true),
  "hub.transport": choice(["mqtt", "mqtt-ws"], "mqtt"),
  "hub.websocket-port": whole(null, 1, 65_535),
  "hub.ca-file": path(),
  "agent.state-dir": path(),
  "agent.log-level": choice(logLevels, "info"),
  "update.installer": choice(["none", "command", "simulated"], "none"),
  "update.allow-http": flag(false),
  "update.ca-file": path(),
  "update.staging-dir": path(),
  "update.max-image-size": size("8 GiB"),
  "update.staging-quota": size("8 GiB"),
  "update.keep-free": size("64 MiB"),
  "update.silence-seconds": seconds(60, 1, 3_600),
  "update.least-bytes": size("16 KiB"),
  "update.bytes-per-second": size("0 B"),
  "update.download-deadline-seconds": seconds(86_400, 0, 2_592_000),
  "update.keep-partial-seconds": seconds(604_800, 0, 31_536_000),
  "update.healthy-for-seconds": seconds(30, 0, 3_600),
  "update.prove-within-seconds": seconds(1_800, 1, 86_400),
  "update.command.program": path(),
  "update.command.as-root": flag(false),
  "update.command.restart": choice(restartKinds, "board"),
  "update.command.time-limit-seconds": seconds(1_800, 1, 86_400),
  "update.command.replaces": paths(),
  "maintenance.windows": maintenanceWindows(),
  "reboot.command": list([]),
  "reboot.deadline-seconds": seconds(600, 10, 86_400),
  "health.every-seconds": seconds(21_600, 0, 604_800),
  "health.least-seconds": seconds(900, 60, 86_400),
  "report.progress-seconds": seconds(5, 0, 3_600),
  "simulation.pause-seconds": seconds(15, 0, 3_600),
  "simulation.boot-seconds": seconds(3, 0, 600),
  "simulation.firmware-version": text("1.0.0"),
} as const;

type SettingName = keyof typeof settings;
export type Settings = { readonly [Name in SettingName]: (typeof settings)[Name] extends Setting<infer T> ? T : never };

/** The environment variable of a setting: BOARDKEEPER_UPDATE_COMMAND_TIME_LIMIT_SECONDS. */
export function environmentVariable(name: string): string {
  return `BOARDKEEPER_${name.toUpperCase().replaceAll(/[.-]/g, "_")}`;
}

/** Values as written somewhere, with the place for the error message. Later ones win. */
export interface SettingSource {
  readonly source: string;
  /** Setting paths to raw values; unknown paths are mistakes. */
  readonly values: Readonly<Record<string, unknown>>;
}

/** Reads every written value, the last of each name winning. All mistakes are told, each with its place. */
export function readSettings(written: readonly SettingSource[]): {
  readonly settings: Settings;
  readonly problems: readonly string[];
} {
  const problems: string[] = [];
  const known = new Map<string, Setting<unknown>>(Object.entries(settings));
  const values: Record<string, unknown> = Object.fromEntries(
    Object.entries(settings).map(([name, { initial }]) => [name, initial]),
  );
  for (const { source, values: raw } of written) {
    for (const [name, value] of Object.entries(raw)) {
      const setting = known.get(name);
      const read = setting?.read(value);
      if (read === undefined)
        problems.push(`${source === name ? "environment" : source}: ${redact(name)} is not a setting${nearest(name)}`);
      else if (read.ok) values[name] = read.value;
      else problems.push(`${source}: ${name}: expected ${read.expected}, got ${shown(name, value)}`);
    }
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each name was set from its own Setting
  return { settings: Object.freeze(values) as Settings, problems };
}

/**
 * A value that was refused, for the message about it. What is set for the hub is never repeated, nor what looks like a key or
 * a signature: a connection string in the place of its file's path is the likeliest slip of all.
 */
function shown(name: string, value: unknown): string {
  const written = JSON.stringify(value) ?? String(value);
  const isSecret = /SharedAccess|sig=/i.test(written);
  if (!isSecret && !name.startsWith("hub.")) return redact(written);
  const came = typeof value === "string" ? `a text of ${value.length} characters` : "another value";
  if (!isSecret) return came;
  return /HostName=/i.test(written)
    ? `${came}: this looks like a connection string; the setting wants ${name === "hub.connection-string-file" ? "the path of a file that holds it" : "something else"}`
    : `${came} that looks like a secret`;
}

/** Tables of a TOML document as setting paths; a table that is a setting's name ends the path. */
export function flatten(document: object): Record<string, unknown> {
  return Object.fromEntries(membersOf(document, "")); // Not by assignment: a key may be called __proto__.
}

function membersOf(table: object, prefix: string): [string, unknown][] {
  return Object.entries(table).flatMap(([key, value]): [string, unknown][] => {
    const name = prefix + key;
    return isTable(value) && !Object.hasOwn(settings, name) ? membersOf(value, `${name}.`) : [[name, value]];
  });
}

function isTable(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function nearest(name: string): string {
  const last = name.split(".").at(-1) ?? name;
  const alike = Object.keys(settings).find((known) => known.split(".").at(-1) === last.replaceAll("_", "-"));
  return alike === undefined ? "" : ` (did you mean ${alike}?)`;
}
