import { isJsonObject, type Json, type JsonObject } from "./json.ts";
import { onOneLine, redact, truncateUtf8 } from "./safe-text.ts";

/* The last lines of an agent's log, as `getLogs` returns them. */

/** From the least to the most important. */
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
  /** How many older lines match the request but do not fit. */
  readonly omitted: number;
}

/** A direct method's reply may have 128 KB; the rest is for what is around the lines. */
const maxPageBytes = 100 * 1_024 - 1_024;
const longestMessage = 1_000;

/**
 * The newest lines that match a request and fit a reply.
 * @param lines JSON texts, the oldest first
 */
export function newestLogPage(lines: readonly string[], request: LogsRequest): LogPage {
  const wanted = lines.map(parseLine).filter((line) => isWanted(line, request));
  const encoder = new TextEncoder();
  let [from, bytes] = [wanted.length, 0];
  for (; from > 0; from -= 1) {
    bytes += encoder.encode(JSON.stringify(wanted[from - 1])).length + 1;
    if (bytes > maxPageBytes) break;
  }
  return { lines: wanted.slice(from), omitted: from };
}

/** @param level undefined: true for every line */
export function isAtLeastLevel(line: JsonObject, level: LogLineLevel | undefined): boolean {
  if (level === undefined) return true;
  return logLevels.findIndex((one) => one === line["level"]) >= logLevels.indexOf(level);
}

/** A line for people: time, level, part, message; then its fields. */
export function formatLogLine(line: JsonObject): string {
  const { time, level, part, msg, err, ...fields } = line;
  const reason = isJsonObject(err) && typeof err["message"] === "string" ? [`(${err["message"]})`] : [];
  const others = Object.entries(fields)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([key, value]) => `${key}=${typeof value === "string" ? quoted(value) : JSON.stringify(value)}`);
  const who = [word(time), word(level).padEnd(5), word(part).padEnd(9)].join("  ");
  return onOneLine([`${who}  ${word(msg)}`, ...reason, ...others].join(" ")).trimEnd();
}

/** A line that is no JSON object was not written by the agent: its text is kept as the message. */
function parseLine(line: string): JsonObject {
  try {
    const read: unknown = JSON.parse(line);
    if (isJsonObject(read)) return redactObject(read);
  } catch {
    // Not JSON: see below.
  }
  return { msg: truncateUtf8(redact(line), longestMessage) };
}

/** These lines leave the board, so secrets are removed once more. */
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
