import { describe, expect, it } from "vitest";
import { reportReason } from "../../../../agent/telemetry/report-policy.ts";
import type { BoardMetrics } from "../../../../agent/telemetry/metrics.ts";
import { goodMetrics as good } from "../../../support/metrics.ts";

const [minuteMs, hourMs] = [60_000, 3_600_000];
const terms = { intervalMs: 6 * hourMs, minIntervalMs: 15 * minuteMs };
const power = { underVoltage: false, throttled: false, underVoltageSinceBoot: false, throttledSinceBoot: false };
const memory = (availableBytes: number): Partial<BoardMetrics> => ({
  memory: { totalBytes: 1_000_000_000, availableBytes },
});
const disk = (freeBytes: number): Partial<BoardMetrics> => ({ disk: { totalBytes: 32_000_000_000, freeBytes } });

describe("a report of the board's health", () => {
  it("is due when there was none, and never where it is switched off", () => {
    expect(reportReason(null, 0, good, terms)).toBe("start");
    expect(reportReason(null, 0, good, { ...terms, intervalMs: 0 })).toBeNull();
    expect(reportReason({ atMs: 0, metrics: good }, 10 * hourMs, good, { ...terms, intervalMs: 0 })).toBeNull();
  });

  it.each([
    [0, null],
    [6 * hourMs - 1, null],
    [6 * hourMs, "interval"],
  ])("is due after %i ms in which nothing has changed: %s", (elapsedMs, reason) => {
    expect(reportReason({ atMs: 5, metrics: good }, 5 + elapsedMs, good, terms)).toBe(reason);
  });

  it.each<[string, Partial<BoardMetrics>]>([
    ["it has become ten degrees hotter", { cpuCelsius: 55 }],
    ["it has become ten degrees cooler", { cpuCelsius: 35 }],
    ["its voltage is low", { power: { ...power, underVoltage: true } }],
    ["it is slowed down", { power: { ...power, throttled: true } }],
    ["a fifth of its memory went", memory(399_000_000)],
    ["a fifth of its memory came", memory(801_000_000)],
    ["a twentieth of its disk went", disk(18_300_000_000)],
    ["a twentieth of its disk came", disk(21_700_000_000)],
    ["its storage has worn", { storageWornPercent: 20 }],
  ])("is due before that when %s, but not at once after another", (_what, change) => {
    const last = { atMs: 0, metrics: good };
    expect(reportReason(last, 15 * minuteMs, { ...good, ...change }, terms)).toBe("change");
    expect(reportReason(last, 15 * minuteMs - 1, { ...good, ...change }, terms)).toBeNull();
  });

  it.each<[string, Partial<BoardMetrics>]>([
    ["a little warmth", { cpuCelsius: 54.9 }],
    ["a little memory", memory(400_000_001)],
    ["a little disk", disk(18_400_000_001)],
    ["load, time and its own memory", { load: 9, uptimeSeconds: 99_999, agentBytes: 99_000_000 }],
    ["a sensor that is gone", { cpuCelsius: null, power: null, memory: null, disk: null }],
    ["a disk without a size", { disk: { totalBytes: 0, freeBytes: 0 } }],
    ["a memory without a size", { memory: { totalBytes: 0, availableBytes: 0 } }],
  ])("is not due for %s", (_what, change) => {
    expect(reportReason({ atMs: 0, metrics: good }, hourMs, { ...good, ...change }, terms)).toBeNull();
    expect(reportReason({ atMs: 0, metrics: { ...good, ...change } }, hourMs, good, terms)).toBeNull();
  });
});
