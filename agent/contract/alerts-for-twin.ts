import { redact, truncateUtf8 } from "./safe-text.ts";

/** A twin has little room: the log has all of them, in full. */
const maxAlerts = 5;
const longestAlertBytes = 200;

/** The alerts about the agent and its disk, for the twin: at most 5, each cut to 200 bytes, without secrets; null for none. */
export function alertsForTwin(alerts: readonly string[]): readonly string[] | null {
  if (alerts.length === 0) return null;
  const first = alerts.slice(0, alerts.length > maxAlerts ? maxAlerts - 1 : maxAlerts);
  const left = alerts.length - first.length;
  const shown = left === 0 ? first : [...first, `and ${left} more; the agent's log on the board has all of them`];
  return shown.map((one) => truncateUtf8(redact(one), longestAlertBytes));
}
