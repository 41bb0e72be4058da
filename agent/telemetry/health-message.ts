import type { SendTelemetry } from "../hub/connection.ts";
import { healthAlerts } from "./health-alerts.ts";
import type { BoardMetrics } from "./metrics.ts";
import type { ReportReason } from "./report-policy.ts";

/** What a message says of the board besides its metrics. */
export interface BoardFacts {
  readonly bootId: string;
  readonly firmwareVersion: string | null;
}

interface Circumstances extends BoardFacts {
  readonly reason: ReportReason;
  /** When the metrics were read, ISO 8601. */
  readonly at: string;
  readonly clockSynchronized: boolean | null;
}

/** The telemetry message that reports a board's health: its body, and the properties by which a hub routes it. */
export function healthMessage(metrics: BoardMetrics, circumstances: Circumstances): Parameters<SendTelemetry>[0] {
  const alerts = healthAlerts(metrics);
  const { power, memory, disk, ...figures } = metrics;
  return {
    body: {
      kind: "health",
      ...circumstances,
      alerts,
      ...figures,
      power: power && { ...power },
      memory: memory && { ...memory },
      disk: disk && { ...disk },
    },
    properties: { kind: "health", ...(alerts.length === 0 ? {} : { alert: "true" }) },
  };
}
