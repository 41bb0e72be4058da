import { Option } from "commander";
import { onOneLine } from "../../agent/contract/safe-text.ts";

/** How results are written: for programs or for people. */
export type Format = "json" | "table";

/** A command's two voices. Results go to stdout alone, so that they can be piped; everything said beside them goes to stderr. */
export interface Output {
  result(text: string): void;
  note(text: string): void;
}

/** `-o, --output json|table`. */
export function outputOption(): Option {
  return new Option("-o, --output <format>", "how to write the result").choices(["json", "table"]).default("table");
}

/** One result: an object of JSON, or its fields below each other. */
export function renderRecord(format: Format, record: Readonly<Record<string, unknown>>): string {
  if (format === "json") return JSON.stringify(record, null, 2);
  const width = Math.max(...Object.keys(record).map((key) => key.length));
  return Object.entries(record)
    .map(([key, value]) => `${key.padEnd(width)}  ${cell(value)}`)
    .join("\n");
}

/** Many results: an array of JSON, or a table with a heading. */
export function renderTable<K extends string>(
  format: Format,
  columns: readonly K[],
  rows: readonly Readonly<Record<K, unknown>>[],
): string {
  if (format === "json") return JSON.stringify(rows, null, 2);
  const lines = [[...columns], ...rows.map((row) => columns.map((column) => cell(row[column])))];
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

function cell(value: unknown): string {
  if (value === undefined || value === null) return "-";
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "string" ? onOneLine(value) : JSON.stringify(value);
}
