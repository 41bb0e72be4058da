/** Fault: the agent cannot do its work. Warning: it can, and something will be missed. Unknown: it could not be looked at. */
export type Level = "ok" | "warning" | "fault" | "unknown";

/** What one look at a board came to, for people and, with `--json`, for programs. */
export interface Finding {
  /** What was looked at: a stable word. */
  readonly check: string;
  readonly level: Level;
  /** What was found, with the reason where it is known; no full stop. */
  readonly what: string;
  /** What to do about it. */
  readonly advice?: string;
}

type Judge = (what: string, advice?: string) => Finding;

/** The findings of one check. */
export function findings(check: string): Record<Level, Judge> {
  const at =
    (level: Level): Judge =>
    (what, advice) => ({ check, level, what, ...(advice === undefined ? {} : { advice }) });
  return { ok: at("ok"), warning: at("warning"), fault: at("fault"), unknown: at("unknown") };
}

/** True when the agent can do its work as far as can be told. */
export function isHealthy(found: readonly Finding[]): boolean {
  return found.every(({ level }) => level !== "fault");
}
