/**
 * Fault: the agent cannot do its work. Warning: it can, but something will go wrong later. Unknown: it could not be
 * checked.
 */
export type Level = "ok" | "warning" | "fault" | "unknown";

/** The result of one check, for people and, with `--json`, for programs. */
export interface Finding {
  /** The name of the check: stable, programs read it. */
  readonly check: string;
  readonly level: Level;
  /** What was found, and the reason where it is known; no full stop. */
  readonly what: string;
  /** What to do about it. */
  readonly advice?: string;
}

type MakeFinding = (what: string, advice?: string) => Finding;

/** Makes the findings of one check. */
export function findings(check: string): Record<Level, MakeFinding> {
  const at =
    (level: Level): MakeFinding =>
    (what, advice) => ({ check, level, what, ...(advice === undefined ? {} : { advice }) });
  return { ok: at("ok"), warning: at("warning"), fault: at("fault"), unknown: at("unknown") };
}

/** True when nothing was found that keeps the agent from its work. */
export function isHealthy(found: readonly Finding[]): boolean {
  return found.every(({ level }) => level !== "fault");
}

const labels: Readonly<Record<Level, string>> = { ok: "ok", warning: "WARNING", fault: "FAULT", unknown: "?" };

/** Findings for people: one per line, the advice below it, and a summary at the end. */
export function formatFindings(found: readonly Finding[]): string {
  const width = Math.max(...found.map(({ check }) => check.length));
  const lines = found.map(({ check, level, what, advice }) => {
    const head = `${labels[level].padEnd(7)}  ${check.padEnd(width)}  ${what}\n`;
    return advice === undefined ? head : `${head}${" ".repeat(11 + width)}→ ${advice}\n`;
  });
  return `${lines.join("")}\n${summary(found)}\n`;
}

function summary(found: readonly Finding[]): string {
  const faults = found.filter(({ level }) => level === "fault").map(({ check }) => check);
  const warnings = found.filter(({ level }) => level === "warning").length;
  const warned = warnings === 0 ? "" : ` ${warnings} warning${warnings === 1 ? "" : "s"}.`;
  if (faults.length === 0) return `No fault found.${warned}`;
  return `${faults.length} fault${faults.length === 1 ? "" : "s"}: ${faults.join(", ")}.${warned}`;
}
