import type { JsonObject } from "../contract/json.ts";
import { reductions, type ReductionLevel } from "../contract/twin-formats/reduced-properties.ts";

/** Whether the twin holds what the board reports. */
export type ReportingStatus =
  | { readonly state: "complete" }
  /** The hub does not take all of it: what gives way first is left out, or the properties that it does not take. */
  | ({ readonly state: "reduced"; readonly leftOut: readonly string[] } & RejectionReason)
  /** The hub takes none of it: the twin is older than the board. */
  | ({ readonly state: "refused" } & RejectionReason);

/** Why the hub refuses a report. */
export interface RejectionReason {
  readonly isTooLarge: boolean;
  /** The hub's answer, as a sentence without secrets. */
  readonly reason: string;
}

/** The status after a report. @param report what the twin holds now; undefined when the hub takes none */
export function statusAfter(
  report: { readonly level: ReductionLevel; readonly withheld: readonly string[] } | undefined,
  refusal: RejectionReason,
): ReportingStatus {
  if (report === undefined) return { state: "refused", ...refusal };
  const leftOut = [...reductions.slice(0, report.level), ...report.withheld];
  return leftOut.length === 0 ? { state: "complete" } : { state: "reduced", leftOut, ...refusal };
}

/** Whether there is nothing new for the log. */
export function isSameStatus(a: ReportingStatus, b: ReportingStatus): boolean {
  const leftOut = (of: ReportingStatus): string => (of.state === "reduced" ? of.leftOut.join() : "");
  return a.state === b.state && leftOut(a) === leftOut(b);
}

/** A report that waits longer than this for the hub's acknowledgement is worth telling. */
const lateMs = 60_000;

/**
 * The status for `getStatus`: `state` (also `waiting`), and where the twin is not complete `leftOut`, `reason`, and `message`,
 * which says what to do.
 * @param sendingForMs how long the report in flight has waited for the hub; null for none
 */
export function formatReporting(status: ReportingStatus, sendingForMs: number | null): JsonObject {
  if (sendingForMs !== null && sendingForMs >= lateMs) {
    const seconds = Math.floor(sendingForMs / 1_000);
    const message = `The hub has not taken the last report for ${seconds} s, so the twin is older than the board. The hub throttles, its daily message quota is used up, it is suspended, or it fails over; the agent's log has its answer. The agent goes on trying.`;
    return { state: "waiting", message };
  }
  if (status.state === "complete") return { state: "complete" };
  const { state, reason, isTooLarge } = status;
  const leftOut = status.state === "reduced" ? status.leftOut : null;
  const what =
    leftOut !== null
      ? `the board leaves out ${formatLeftOut(leftOut)}`
      : "the twin does not change any more, and is older than the board";
  const message = isTooLarge
    ? `The twin is full: other software has filled the device's reported properties (32 KB), so ${what}. Remove what is not needed there.`
    : `The hub refuses ${leftOut === null ? "" : "a part of "}the board's report, so ${what}. Its answer: ${reason}. See the agent's log: boardkeeper-agent logs`;
  return { state, leftOut, reason, message };
}

/** So many are named: the log has no use for more, and a terminal neither. */
const mostNamed = 6;

function formatLeftOut(leftOut: readonly string[]): string {
  const more = leftOut.length - mostNamed;
  return `${leftOut.slice(0, mostNamed).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
