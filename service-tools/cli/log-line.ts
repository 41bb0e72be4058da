import type { LogEntry } from "../local-hub/lib/log.ts";

/** A line of the hub's log for a person, for instance `12:34:56 warn  connection refused client=board-1 returnCode=5`. */
export function logLine({ level, message, ...fields }: LogEntry, at = new Date()): string {
  const said = Object.entries(fields).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${fieldText(value)}`],
  );
  return [at.toTimeString().slice(0, 8), level.padEnd(5), message, ...said].join(" ");
}

function fieldText(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return /[\s=]/.test(text) && typeof value === "string" ? JSON.stringify(text) : text;
}
