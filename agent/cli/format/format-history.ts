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

/** The history for people: one operation per line, the newest last; below a failed one, its error. */
export function formatHistory(entries: readonly HistoryEntry[]): string {
  return entries.map(formatEntry).join("");
}

function formatEntry(entry: HistoryEntry): string {
  const { kind, at, outcome, operationId, error } = entry;
  const id = operationId === null ? "" : `  (${operationId})`;
  const head = `${at}  ${kind.padEnd(6)}  ${outcomes[outcome].padEnd(11)}  ${describe(entry)}${id}\n`;
  return error === null ? head : `${head}${" ".repeat(26)}${error.code}: ${onOneLine(error.message)}\n`;
}

/** The version of an update; the cause and the reason of a reboot. */
function describe(entry: HistoryEntry): string {
  if (entry.kind === "update") return entry.rehearsal ? "a dry run" : entry.version;
  const cause = entry.cause === null ? "" : causes[entry.cause];
  return entry.reason === null ? cause : `${cause}${cause === "" ? "" : ", "}${entry.reason}`;
}
