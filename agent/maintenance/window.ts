import * as v from "valibot";
import { check, isMatchingText, rule, type Checked } from "../contract/check.ts";

/** A time in which the board may be changed: opens when the cron expression matches, closes after its duration. */
export interface MaintenanceWindow {
  /** Five fields: minute, hour, day of the month, month, day of the week. */
  readonly cron: string;
  readonly durationMs: number;
  /** An IANA name, such as Europe/Berlin. */
  readonly timezone: string;
  /** Over how much of its beginning the boards of a fleet spread what they do. Less than the duration. */
  readonly splayMs: number;
}

/** The status of the maintenance windows. */
export type WindowStatus =
  /** A window is open. */
  | { readonly kind: "open" }
  /** Closed until then; null where no window opens again for years. */
  | { readonly kind: "closed"; readonly until: string | null }
  /** No window is configured any more. */
  | { readonly kind: "missing" }
  /** The clock is not synchronized in this boot, so it is unknown whether a window is open. */
  | { readonly kind: "clockUnknown" };

/** Why an action waits for a window. */
export type BlockedBy = Exclude<WindowStatus, { kind: "open" }>;

/** Why a window never opens, in the form of a delay, and how to go on instead; null where one opens, or that is not known yet. */
export function describeMissingWindow(
  wait: BlockedBy | null,
  instead: string,
): { readonly code: "window-missing"; readonly message: string } | null {
  if (wait?.kind !== "missing" && !(wait?.kind === "closed" && wait.until === null)) return null;
  const why =
    wait.kind === "missing"
      ? "No maintenance window is configured on this board any more"
      : "None of the board's maintenance windows opens again";
  return {
    code: "window-missing",
    message: `${why}, so this waits for ever. Correct maintenance.windows, or ${instead}.`,
  };
}

/** When a window opens. Pure: the same answer for the same instant. */
export interface Openings {
  /** The first opening later than an instant; null where there is none for years. */
  after(instantMs: number): number | null;
}

const unitsMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
const maxDurationMs = 7 * 86_400_000;
/** The splay where none is configured. */
const defaultSplayMs = 30 * 60_000;
const maxWindows = 8;

const duration = (expected: string, leastMs: number): v.GenericSchema<unknown, string> =>
  rule<string>(`${expected} such as "90m" or "2h"`, (value) => {
    const ms = typeof value === "string" ? parseDurationMs(value) : Number.NaN;
    return ms >= leastMs && ms <= maxDurationMs;
  });

const month =
  "jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sep(tember)?|oct(ober)?|nov(ember)?|dec(ember)?";
const weekday = "(sun|mon|tues|wednes|thurs|fri|satur)day|sun|mon|tue|wed|thu|fri|sat";
const fiveFields = isMatchingText(/^[a-z\d*?,/#-]+( +[a-z\d*?,/#-]+){4}$/i, 200);
/**
 * One word of a cron field: a number of two digits, a month, a weekday, or L and W for days of the month. node-cron expands
 * ranges and names before it validates them: "0-999999999" or "1-decdecdecdec" would end the process.
 */
const word = new RegExp(`^((\\d{1,2}|${month}|${weekday})[lw]?|lw?)$`, "i");

const windowSchema = v.strictObject({
  cron: rule<string>(
    'a cron expression of five fields such as "0 2 * * 6"',
    (value) => fiveFields(value) && value.split(/[ *?,/#-]/).every((one) => one === "" || word.test(one)),
  ),
  duration: duration("a duration from 1m to 7d", 60_000),
  timezone: v.optional(rule<string>('a timezone such as "Europe/Berlin" or "UTC"', isMatchingText(/^[\w+/-]+$/, 60))),
  splay: v.optional(duration("a splay from 0m to 7d", 0)),
});

const listSchema = v.pipe(
  rule<unknown[]>(
    `a list of at most ${maxWindows} windows`,
    (value) => Array.isArray(value) && value.length <= maxWindows,
  ),
  v.array(windowSchema),
);

/**
 * Reads a list of windows as TOML or a desired document has it: `{cron, duration, timezone?, splay?}`. Whether the
 * expression and the timezone exist is for `validateWindows` of cron.ts to say.
 */
export function parseWindows(value: unknown): Checked<readonly MaintenanceWindow[]> {
  const list = check(listSchema, value);
  if (!list.ok) return list;
  const windows: MaintenanceWindow[] = [];
  for (const [at, { cron, timezone = "UTC", ...rest }] of list.value.entries()) {
    const durationMs = parseDurationMs(rest.duration);
    const splayMs = rest.splay === undefined ? Math.min(defaultSplayMs, durationMs / 2) : parseDurationMs(rest.splay);
    if (splayMs >= durationMs) {
      return {
        ok: false,
        problems: [`${at}.splay: expected less than the duration (${rest.duration}), got "${rest.splay}"`],
      };
    }
    windows.push({ cron: cron.replaceAll(/ +/g, " "), durationMs, timezone, splayMs });
  }
  return { ok: true, value: windows };
}

/**
 * When a board may act in a window: now, where the answer is not later than now; else the next time. One board's share of
 * the splay is always the same, so the fleet is spread and nothing has to be remembered.
 * @param share which part of the splay this board waits, in [0, 1)
 * @returns null where the window does not open again
 */
export function nextStart(
  { durationMs, splayMs }: MaintenanceWindow,
  openings: Openings,
  nowMs: number,
  share: number,
): number | null {
  const opensMs = openings.after(nowMs - durationMs); // Open now, if that is in the past: it has not closed yet.
  return opensMs === null ? null : opensMs + Math.floor(share * splayMs);
}

/** A board's share of a splay, in [0, 1), out of a digest of its identity (hex): spread evenly, the same for ever. */
export function splayFraction(digest: string): number {
  return Number.parseInt(digest.slice(0, 8), 16) / 2 ** 32;
}

/** NaN where the text is no duration: every comparison with it is false. */
function parseDurationMs(text: string): number {
  const [, digits, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  return Number(digits) * (unitsMs[unit ?? ""] ?? Number.NaN);
}
