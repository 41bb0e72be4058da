import { describe, expect, it } from "vitest";
import { parseDuration, formatSize, formatElapsed } from "../../../../service-tools/cli/units.ts";

describe("a duration as people write it", () => {
  it.each([
    ["90s", 90_000],
    ["5m", 300_000],
    ["1h30m", 5_400_000],
    ["2d", 172_800_000],
    ["1.5h", 5_400_000],
    ["0s", 0],
    ["5", undefined],
    ["5 m", undefined],
    ["m5", undefined],
    ["-5m", undefined],
    ["", undefined],
    ["99999999999999999999d", undefined],
  ])("%s is %s ms", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });
});

describe("as people read it", () => {
  it.each([
    [0, "0:00"],
    [7_900, "0:07"],
    [750_000, "12:30"],
    [3_723_000, "1:02:03"],
  ])("%i ms on a stopwatch is %s", (ms, text) => {
    expect(formatElapsed(ms)).toBe(text);
  });

  it.each([
    [0, "0 B"],
    [812, "812 B"],
    [1_024, "1.0 KiB"],
    [67_108_864, "64.0 MiB"],
    [5_000_000_000, "4.7 GiB"],
    [2 ** 50, "1024.0 TiB"],
  ])("%i bytes is %s", (bytes, text) => {
    expect(formatSize(bytes)).toBe(text);
  });
});
