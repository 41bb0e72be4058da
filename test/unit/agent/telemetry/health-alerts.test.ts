import { expect, it } from "vitest";
import { healthAlerts } from "../../../../agent/telemetry/health-alerts.ts";
import type { BoardMetrics } from "../../../../agent/telemetry/metrics.ts";
import { goodMetrics as good } from "../../../support/metrics.ts";

const power = { underVoltage: false, throttled: false, underVoltageSinceBoot: false, throttledSinceBoot: false };
const memory = (availableBytes: number): Partial<BoardMetrics> => ({
  memory: { totalBytes: 1_000_000_000, availableBytes },
});
const disk = (freeBytes: number): Partial<BoardMetrics> => ({ disk: { totalBytes: 32_000_000_000, freeBytes } });

it.each<[string, Partial<BoardMetrics>, string[]]>([
  ["nothing", {}, []],
  ["low voltage", { power: { ...power, underVoltage: true } }, ["under-voltage"]],
  ["low voltage in the past", { power: { ...power, underVoltageSinceBoot: true, throttledSinceBoot: true } }, []],
  ["being slowed down", { power: { ...power, throttled: true } }, ["throttled"]],
  ["heat", { cpuCelsius: 80 }, ["hot"]],
  ["almost heat", { cpuCelsius: 79.9 }, []],
  ["little memory and disk", { ...memory(49_999_999), ...disk(1_599_999_999) }, ["memory-low", "disk-low"]],
  ["enough memory and disk", { ...memory(50_000_000), ...disk(1_600_000_000) }, []],
  ["worn storage", { storageWornPercent: 90 }, ["storage-worn"]],
  ["storage that lasts", { storageWornPercent: 80 }, []],
  ["what is not known", { cpuCelsius: null, power: null, memory: null, disk: null, storageWornPercent: null }, []],
])("a person should check a board for %s", (_what, change, alerts) => {
  expect(healthAlerts({ ...good, ...change })).toStrictEqual(alerts);
});
