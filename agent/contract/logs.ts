import { isJsonObject, type Json, type JsonObject } from "./json.ts";
import { onOneLine, redact, truncateUtf8 } from "./safe-text.ts";

/* The last lines of an agent's log, as `getLogs` answers them. */

/** The least important first. */
export const logLevels = ["debug", "info", "warn", "error", "fatal"] as const;
export type LogLineLevel = (typeof logLevels)[number];
/** The levels that can be configured: `fatal` is always logged. */
export type LogLevel = Exclude<LogLineLevel, "fatal">;

export interface LogsRequest {
  /** ISO 8601: lines from then on. */
  readonly since?: string | undefined;
  /** Lines as important as this, or more. */
  readonly level?: LogLineLevel | undefined;
}

export interface LogPage {
  /** The oldest first, each with `time`, `level`, `msg`, mostly `part`, and fields of its own. */
  readonly lines: readonly JsonObject[];
  /** How many older ones would have been asked for, and did not fit. */
  readonly omitted: number;
}

/** A direct method's answer may have 128 KB; the rest is for what stands around the lines. */
const mostBytes = 100 * 1_024 - 1_024;
const longestMessage = 1_000;

/**
 * The newest of some lines that were asked for and fit an answer.
 * @param lines JSON texts, the oldest first
 */
export function newestLogPage(lines: readonly string[], asked: LogsRequest): LogPage {
  const wanted = lines.map(parseLine).filter((line) => isWanted(line, asked));
  const encoder = new TextEncoder();
  let [from, bytes] = [wanted.length, 0];
  for (; from > 0; from -= 1) {
    bytes += encoder.encode(JSON.stringify(wanted[from - 1])).length + 1;
    if (bytes > mostBytes) break;
  }
  return { lines: wanted.slice(from), omitted: from };
}

/** @param level undefined: every line is */
export function isAtLeastLevel(line: JsonObject, level: LogLineLevel | undefined): boolean {
  if (level === undefined) return true;
  return logLevels.findIndex((one) => one === line["level"]) >= logLevels.indexOf(level);
}

/** A line for people: when, how important, who, what; then its fields. */
export function formatLogLine(line: JsonObject): string {
  const { time, level, part, msg, err, ...fields } = line;
  const reason = isJsonObject(err) && typeof err["message"] === "string" ? [`(${err["message"]})`] : [];
  const said = Object.entries(fields)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([key, value]) => `${key}=${typeof value === "string" ? quoted(value) : JSON.stringify(value)}`);
  const who = [word(time), word(level).padEnd(5), word(part).padEnd(9)].join("  ");
  return onOneLine([`${who}  ${word(msg)}`, ...reason, ...said].join(" ")).trimEnd();
}

/** A line that is none of ours is one of somebody's: kept as it is. */
function parseLine(line: string): JsonObject {
  try {
    const read: unknown = JSON.parse(line);
    if (isJsonObject(read)) return redactObject(read);
  } catch {
    // Below.
  }
  return { msg: truncateUtf8(redact(line), longestMessage) };
}

/** Once more without secrets: these lines leave the board. */
function redactObject(line: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(line).map(([key, value]) => [key, redactValue(value)]));
}

function redactValue(value: Json): Json {
  if (typeof value === "string") return truncateUtf8(redact(value), longestMessage);
  if (Array.isArray(value)) return value.map(redactValue);
  return isJsonObject(value) ? redactObject(value) : value;
}

function isWanted(line: JsonObject, { since, level }: LogsRequest): boolean {
  if (since !== undefined && !(Date.parse(word(line["time"])) >= Date.parse(since))) return false;
  return isAtLeastLevel(line, level);
}

function word(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

function quoted(text: string): string {
  return /[\s="]/.test(text) ? JSON.stringify(text) : text;
}
