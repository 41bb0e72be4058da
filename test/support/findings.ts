import type { Finding } from "../../agent/cli/doctor/finding.ts";

/** A finding as a row of a table: level, then what. A fault must have advice. */
export function describeFinding(finding: Finding | undefined): string {
  if (finding === undefined) return "nothing";
  const { level, what, advice } = finding;
  return level === "fault" && advice === undefined ? `fault without advice: ${what}` : `${level}: ${what}`;
}
