import type { BoardMetrics } from "./metrics.ts";

/* Which values of a board a person should check. Pure. */

/** Conditions that a person should check. The words never change their meaning: hubs route by them. */
export type HealthAlert = "under-voltage" | "throttled" | "hot" | "memory-low" | "disk-low" | "storage-worn";

const hotCelsius = 80;
const lowShare = 0.05;
const wornPercent = 90;

/** The conditions of a board now, in a fixed order. An unknown value is no condition. */
export function healthAlerts(metrics: BoardMetrics): readonly HealthAlert[] {
  const { power, cpuCelsius, storageWornPercent } = metrics;
  const found: readonly [HealthAlert, boolean][] = [
    ["under-voltage", power?.underVoltage === true],
    ["throttled", power?.throttled === true],
    ["hot", (cpuCelsius ?? 0) >= hotCelsius],
    ["memory-low", (memoryLeft(metrics) ?? 1) < lowShare],
    ["disk-low", (diskLeft(metrics) ?? 1) < lowShare],
    ["storage-worn", (storageWornPercent ?? 0) >= wornPercent],
  ];
  return found.filter(([, is]) => is).map(([alert]) => alert);
}

/** The share that is left; NaN where there is none at all: every comparison with it is false. */
export function memoryLeft({ memory }: BoardMetrics): number | null {
  return memory && memory.availableBytes / memory.totalBytes;
}

/** The same share for the disk that holds the state. */
export function diskLeft({ disk }: BoardMetrics): number | null {
  return disk && disk.freeBytes / disk.totalBytes;
}
