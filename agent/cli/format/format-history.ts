import { onOneLine } from "../../contract/safe-text.ts";
import type { HistoryEntry } from "../../operations/history.ts";

const causes = { requested: "as requested", update: "for an update", other: "not by this agent" } as const;
const outcomes = {
  completed: "completed",
  rolledBack: "rolled back",
  failed: "failed",
  cancelled: "cancelled",
  proven: "proven",
} as const;

/** The history for people: one line an end, the newest last; why a bad one was bad below it. */
export function formatHistory(entries: readonly HistoryEntry[]): string {
  return entries.map(lines).join("");
}

function lines(entry: HistoryEntry): string {
  const { kind, at, outcome, operationId, error } = entry;
  const id = operationId === null ? "" : `  (${operationId})`;
  const head = `${at}  ${kind.padEnd(6)}  ${outcomes[outcome].padEnd(11)}  ${what(entry)}${id}\n`;
  return error === null ? head : `${head}${" ".repeat(26)}${error.code}: ${onOneLine(error.message)}\n`;
}

function what(entry: HistoryEntry): string {
  if (entry.kind === "update") return entry.rehearsal ? "a rehearsal" : entry.version;
  const cause = entry.cause === null ? "" : causes[entry.cause];
  return entry.reason === null ? cause : `${cause}${cause === "" ? "" : ", "}${entry.reason}`;
}
