import { Option } from "commander";
import { onOneLine } from "../../agent/contract/safe-text.ts";
import type { LogEntry } from "../local-hub/lib/log.ts";
import type { Screen } from "./screen.ts";

/** How a result is written: JSON for programs, a table for people. */
export type Format = "json" | "table";

/** `-o, --output json|table`. */
export function outputOption(): Option {
  return new Option("-o, --output <format>", "how to write the result").choices(["json", "table"]).default("table");
}

/** Prints the result of a command: one JSON document, or the text. */
export function printResult(
  out: Screen,
  format: Format,
  result: { readonly json: object; readonly text: string },
): void {
  out.write(format === "json" ? formatJson(result.json) : result.text);
}

export function formatJson(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** One field per line, the values aligned. */
export function formatRecord(record: Readonly<Record<string, unknown>>): string {
  const width = Math.max(...Object.keys(record).map((key) => key.length));
  return Object.entries(record)
    .map(([key, value]) => `${key.padEnd(width)}  ${formatValue(value)}`)
    .join("\n");
}

/** A heading and one line per row, in columns. */
export function formatTable<K extends string>(
  columns: readonly K[],
  rows: readonly Readonly<Record<K, unknown>>[],
): string {
  const lines = [[...columns], ...rows.map((row) => columns.map((column) => formatValue(row[column])))];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((text, index) => text.padEnd(widths[index] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function formatValue(value: unknown): string {
  if (value === undefined || value === null) return "-";
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "string" ? onOneLine(value) : JSON.stringify(value);
}

/** A line of the local hub's log, such as `12:34:56 warn  connection refused client=board-1 returnCode=5`. */
export function formatLogEntry({ level, message, ...fields }: LogEntry, at = new Date()): string {
  const known = Object.entries(fields).filter(([, value]) => value !== undefined);
  const pairs = known.map(([key, value]) => `${key}=${formatField(value)}`);
  return [at.toTimeString().slice(0, 8), level.padEnd(5), message, ...pairs].join(" ");
}

function formatField(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return /[\s=]/.test(text) && typeof value === "string" ? JSON.stringify(text) : text;
}
