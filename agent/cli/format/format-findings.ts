import type { Finding, Level } from "../doctor/finding.ts";

const marks: Readonly<Record<Level, string>> = { ok: "ok", warning: "WARNING", fault: "FAULT", unknown: "?" };

/** Findings for people: one a line, with what to do below those that ask for something, and the sum of it at the end. */
export function formatFindings(found: readonly Finding[]): string {
  const width = Math.max(...found.map(({ check }) => check.length));
  const lines = found.map(({ check, level, what, advice }) => {
    const head = `${marks[level].padEnd(7)}  ${check.padEnd(width)}  ${what}\n`;
    return advice === undefined ? head : `${head}${" ".repeat(11 + width)}→ ${advice}\n`;
  });
  return `${lines.join("")}\n${sum(found)}\n`;
}

function sum(found: readonly Finding[]): string {
  const faults = found.filter(({ level }) => level === "fault").map(({ check }) => check);
  const warnings = found.filter(({ level }) => level === "warning").length;
  const warned = warnings === 0 ? "" : ` ${warnings} warning${warnings === 1 ? "" : "s"}.`;
  if (faults.length === 0) return `No fault found.${warned}`;
  return `${faults.length} fault${faults.length === 1 ? "" : "s"}: ${faults.join(", ")}.${warned}`;
}
