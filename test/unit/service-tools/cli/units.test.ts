import { describe, expect, it } from "vitest";
import { parseDuration, formatDuration, formatSize, formatElapsed } from "../../../../service-tools/cli/units.ts";
import { eraseLine, paintFor, screenFor } from "../../../../service-tools/cli/screen.ts";

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
    [0, "0 s"],
    [45_000, "45 s"],
    [600_000, "10 min"],
    [5_400_000, "1 h 30 min"],
    [172_800_000, "2 d"],
    [90_061_000, "1 d 1 h"],
  ])("%i ms is %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

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

describe("a screen", () => {
  const stream = { write: (): boolean => true, isTTY: true, columns: 120 };

  it.each([
    ["a terminal", stream, {}, true, true],
    ["a terminal with NO_COLOR", stream, { NO_COLOR: "1" }, true, false],
    ["a terminal with an empty NO_COLOR", stream, { NO_COLOR: "" }, true, true],
    ["a terminal that can do nothing", stream, { TERM: "dumb" }, false, false],
    ["a file", { write: stream.write }, {}, false, false],
  ])("%s", (_what, target, env, isTerminal, hasColour) => {
    expect(screenFor(target, env)).toMatchObject({ isTerminal, hasColour });
  });

  it.each([
    // What a board that was taken over might say: clear, hide, retitle, answer back, and that in the eight bits of C1.
    ["\u001b[2J\u001b[8mhidden\u001b]0;title\u0007", "\\u001b[2J\\u001b[8mhidden\\u001b]0;title\\u0007"],
    ["\u009b6n", "\\u009b6n"],
    ["done\r\u001b[2Kfailed", "done\\u000d\\u001b[2Kfailed"],
    ["Grüße\tand ✓\n", "Grüße\tand ✓\n"],
  ])("shows what steers a terminal, and does not obey it: %j", (said, shown) => {
    for (const isTTY of [true, false]) {
      let written = "";
      screenFor({ write: (text) => (written += text), isTTY }, {}).write(said);
      expect(written).toBe(shown);
    }
  });

  it("draws with what this program itself draws with, on a terminal alone", () => {
    const red = paintFor({ hasColour: true }).red("late");
    for (const isTTY of [true, false]) {
      let written = "";
      screenFor({ write: (text) => (written += text), isTTY }, {}).write(`${eraseLine}${red}`);
      expect(written === `${eraseLine}${red}`).toBe(isTTY);
    }
  });

  it("is 80 columns wide where nobody says", () => {
    expect(screenFor({ write: stream.write }, {}).columns).toBe(80);
    expect(screenFor(stream, {}).columns).toBe(120);
  });

  it("has colours only where they are wanted", () => {
    expect(paintFor({ hasColour: true }).red("x")).toBe("\u001b[31mx\u001b[39m");
    expect(paintFor({ hasColour: false }).red("x")).toBe("x");
  });
});
