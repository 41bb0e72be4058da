import type { BoardMetrics } from "../../agent/telemetry/metrics.ts";

/** A board of which nothing bad can be said. */
export const goodMetrics: BoardMetrics = {
  cpuCelsius: 45,
  power: { underVoltage: false, throttled: false, underVoltageSinceBoot: false, throttledSinceBoot: false },
  memory: { totalBytes: 1_000_000_000, availableBytes: 600_000_000 },
  disk: { totalBytes: 32_000_000_000, freeBytes: 20_000_000_000 },
  storageWornPercent: 10,
  load: 0.25,
  uptimeSeconds: 1_000,
  agentBytes: 70_000_000,
};
