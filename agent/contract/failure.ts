import type { ErrorCode } from "./codes.ts";
import { redact, truncateUtf8 } from "./safe-text.ts";

/** What went wrong, as it is saved, reported in the twin and answered to methods. */
export interface Failure {
  /** A stable word for programs, listed in docs/errors.md. */
  readonly code: string;
  /** The phase, method or part in which it happened. */
  readonly during: string;
  /** A sentence for people: what happened, why, what to do. Free of secrets and query strings. */
  readonly message: string;
}

/** A Failure whose message fits a twin and holds no secret. */
export function failure(code: ErrorCode, during: string, message: string): Failure {
  return { code, during, message: truncateUtf8(redact(message)) };
}

/** A twin has little room: the log has all of them, in full. */
const mostAlerts = 5;
const longestAlertBytes = 200;

/** The alerts about the agent and its disk, for the twin: at most 5, each cut to 200 bytes, without secrets; null for none. */
export function alertsForTwin(alerts: readonly string[]): readonly string[] | null {
  if (alerts.length === 0) return null;
  const first = alerts.slice(0, alerts.length > mostAlerts ? mostAlerts - 1 : mostAlerts);
  const left = alerts.length - first.length;
  const shown = left === 0 ? first : [...first, `and ${left} more; the agent's log on the board has all of them`];
  return shown.map((one) => truncateUtf8(redact(one), longestAlertBytes));
}
