import { describe, expect, it } from "vitest";
import { eraseLine, paintFor, screenFor } from "../../../../service-tools/cli/screen.ts";

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
