import { diskLeft, healthAlerts, memoryLeft } from "./health-alerts.ts";
import type { BoardMetrics } from "./metrics.ts";

/* When a report of the board's health is worth a message: each counts against the hub's quota. Pure. */

export interface ReportIntervals {
  /** A report comes at least so often; 0 for never, changes included. */
  readonly intervalMs: number;
  /** Two reports are at least so far apart, whatever changes. */
  readonly minIntervalMs: number;
}

export type ReportReason = "start" | "interval" | "change";

/** Smaller differences are not significant. */
const significantChange = { celsius: 10, memoryShare: 0.2, diskShare: 0.05 } as const;

/** Why a report is due; null when none is. `last` is the report that the hub took last. */
export function reportReason(
  last: { readonly atMs: number; readonly metrics: BoardMetrics } | null,
  nowMs: number,
  metrics: BoardMetrics,
  { intervalMs, minIntervalMs }: ReportIntervals,
): ReportReason | null {
  if (intervalMs === 0) return null;
  if (last === null) return "start";
  const elapsedMs = nowMs - last.atMs;
  if (elapsedMs >= intervalMs) return "interval";
  return elapsedMs >= minIntervalMs && hasChanged(last.metrics, metrics) ? "change" : null;
}

/** True when a change is significant enough to report before the next regular report. */
function hasChanged(before: BoardMetrics, after: BoardMetrics): boolean {
  return (
    healthAlerts(before).join() !== healthAlerts(after).join() ||
    before.storageWornPercent !== after.storageWornPercent ||
    differs(before.cpuCelsius, after.cpuCelsius, significantChange.celsius) ||
    differs(memoryLeft(before), memoryLeft(after), significantChange.memoryShare) ||
    differs(diskLeft(before), diskLeft(after), significantChange.diskShare)
  );
}

/** A value that becomes known or unknown is no change of the board, but of what can be read. */
function differs(before: number | null, after: number | null, byAtLeast: number): boolean {
  return before !== null && after !== null && Math.abs(after - before) >= byAtLeast;
}
