import { parseWindows, type MaintenanceWindow } from "../maintenance/window.ts";

/* The types of settings: what may be written in TOML or in the environment, and how it becomes the value of a field. */

/** A written value in the unit of its field; or what was expected instead. */
type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly expected: string };

export interface Setting<T> {
  /** Path in the TOML file: `reboot.deadline-seconds`. The environment variable is named after it. */
  readonly name: string;
  /** What may be written, for the documentation: `seconds, 10 to 86400`. */
  readonly type: string;
  /** The default, in the unit of the field. */
  readonly initial: T;
  /** The default as TOML; undefined where nothing is set. */
  readonly initialToml: string | undefined;
  /** For the documentation: plain text, with `code` between backticks. */
  readonly description: string;
  /** Where the documentation says more: a page of docs/, with its title. */
  readonly page: DocsPage | undefined;
  /** Parses a value out of TOML, or a text out of the environment. */
  readonly parse: (written: unknown) => Parsed<T>;
}

interface DocsPage {
  readonly title: string;
  readonly path: string;
}

interface Documented {
  readonly name: string;
  readonly description: string;
  readonly page?: DocsPage;
}

interface Range {
  readonly least: number;
  readonly most: number;
}

export function choice<const T extends string>(
  choices: readonly T[],
  { initial, ...about }: Documented & { readonly initial: NoInfer<T> },
): Setting<T> {
  const expected = `one of ${choices.map((one) => `"${one}"`).join(", ")}`;
  const parse = (written: unknown): Parsed<T> => {
    return parsed(
      choices.find((one) => one === written),
      expected,
    );
  };
  return setting(about, choices.map((one) => `"${one}"`).join(", "), initial, JSON.stringify(initial), parse);
}

export function text({ initial, ...about }: Documented & { readonly initial: string }): Setting<string> {
  return setting(about, "text", initial, JSON.stringify(initial), (written) =>
    parsed(typeof written === "string" && written.trim() !== "" ? written : undefined, "a text that is not empty"),
  );
}

/** @param about `initialPath`: what applies on a board where nothing is set, for the documentation */
export function path({
  initialPath,
  ...about
}: Documented & { readonly initialPath?: string }): Setting<string | null> {
  const initialToml = initialPath === undefined ? undefined : JSON.stringify(initialPath);
  return setting(about, "absolute path", null, initialToml, (written) =>
    parsed(
      typeof written === "string" && written.startsWith("/") ? written : undefined,
      'an absolute path, such as "/var/lib/boardkeeper"',
    ),
  );
}

/** The address of a folder on a web server, which ends without a slash; null where none is set. */
export function webFolder(about: Documented): Setting<string | null> {
  return setting(about, "URL", null, undefined, (written) => {
    const url = typeof written === "string" && URL.canParse(written) ? new URL(written) : undefined;
    const fits =
      url !== undefined &&
      ["https:", "http:"].includes(url.protocol) &&
      `${url.search}${url.hash}${url.username}${url.password}` === "" &&
      url.href.length <= longestFolderUrl;
    return parsed(fits ? url.href.replace(/\/+$/, "") : undefined, 'a URL such as "https://images.example/repository"');
  });
}

/** With the path of a target it must still be an address that a request could name. */
const longestFolderUrl = 1_500;

export function flag({ initial, ...about }: Documented & { readonly initial: boolean }): Setting<boolean> {
  const known = new Map<unknown, boolean>([
    [true, true],
    [false, false],
    ["true", true],
    ["false", false],
  ]);
  return setting(about, "true or false", initial, String(initial), (written) =>
    parsed(known.get(written), "true or false"),
  );
}

/** A TCP port; null where none is set. */
export function port(about: Documented): Setting<number | null> {
  return setting(about, "port", null, undefined, (written) => {
    const value = typeof written === "string" && /^\d+$/.test(written) ? Number(written) : written;
    const fits = typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 65_535;
    return parsed(fits ? value : undefined, "a whole number from 1 to 65535");
  });
}

/** Written in seconds, which may have parts; the field holds milliseconds. */
export function seconds({
  initial,
  least,
  most,
  ...about
}: Documented & Range & { readonly initial: number }): Setting<number> {
  return setting(about, `seconds, ${least} to ${most}`, initial * 1_000, String(initial), (written) => {
    const value = typeof written === "string" && /^\d+(\.\d+)?$/.test(written) ? Number(written) : written;
    const fits = typeof value === "number" && value >= least && value <= most;
    return parsed(fits ? Math.round(value * 1_000) : undefined, `a number of seconds from ${least} to ${most}`);
  });
}

/** Written as a number of bytes or as a text such as "512 MiB"; the field holds bytes. */
export function size({ initial, ...about }: Documented & { readonly initial: string | 0 }): Setting<number> {
  return setting(about, "size", bytesIn(initial) ?? 0, JSON.stringify(initial), (written) =>
    parsed(bytesIn(written), 'a size such as 1048576 or "512 MiB"'),
  );
}

const unitBytes: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

function bytesIn(written: unknown): number | undefined {
  if (typeof written === "number") return Number.isSafeInteger(written) && written >= 0 ? written : undefined;
  const sizeText = typeof written === "string" ? written : "";
  const [, digits = "", unit = "B"] = /^(\d+(?:\.\d+)?) ?(B|KiB|MiB|GiB|TiB)?$/.exec(sizeText) ?? [];
  const bytes = Math.round(Number(digits) * (unitBytes[unit] ?? 1));
  return digits !== "" && Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** A list of texts; in the environment, one text with spaces between its parts. */
export function list(about: Documented): Setting<readonly string[]> {
  return setting(about, "list of texts", [], "[]", (written) => parsed(textsIn(written), "a list of texts"));
}

/** A list of absolute paths. */
export function paths(about: Documented): Setting<readonly string[]> {
  return setting(about, "list of absolute paths", [], "[]", (written) => {
    const texts = textsIn(written);
    const fits = texts?.every((one) => one.startsWith("/")) === true;
    return parsed(fits ? texts : undefined, 'a list of absolute paths, such as ["/"]');
  });
}

function textsIn(written: unknown): readonly string[] | undefined {
  const values: unknown = typeof written === "string" ? written.split(/\s+/).filter((one) => one !== "") : written;
  const fits = Array.isArray(values) && values.every((one): one is string => typeof one === "string" && one !== "");
  return fits ? values : undefined;
}

/** Maintenance windows: a list of tables; in the environment, the same as JSON. */
export function windows(about: Documented): Setting<readonly MaintenanceWindow[]> {
  const expected = 'windows such as [{ cron = "0 2 * * *", duration = "2h", timezone = "Europe/Berlin" }]';
  return setting(about, "list of windows", [], "[]", (written) => {
    const read = parseWindows(typeof written === "string" ? jsonIn(written) : written);
    return read.ok ? read : { ok: false, expected: `${expected} (${read.problems.join("; ")})` };
  });
}

function jsonIn(written: string): unknown {
  try {
    return JSON.parse(written);
  } catch {
    return written; // Refused as what it is: a text.
  }
}

function setting<T>(
  { name, description, page }: Documented,
  type: string,
  initial: T,
  initialToml: string | undefined,
  parse: Setting<T>["parse"],
): Setting<T> {
  return { name, type, initial, initialToml, description, page, parse };
}

function parsed<T>(value: T | undefined, expected: string): Parsed<T> {
  return value === undefined ? { ok: false, expected } : { ok: true, value };
}
