import { describe, expect, it } from "vitest";
import { nextStart, splayFraction, parseWindows } from "../../../../agent/maintenance/window.ts";

const hourMs = 3_600_000;

describe("a list of windows as it is written", () => {
  it("is read with what is usual where nothing is said", () => {
    expect(
      parseWindows([
        { cron: "0 2 * * *", duration: "2h" },
        { cron: "0  2 * *  sat", duration: "30m", timezone: "Europe/Berlin" },
        { cron: "0 0 1 * *", duration: "1d", timezone: "UTC", splay: "0m" },
      ]),
    ).toStrictEqual({
      ok: true,
      value: [
        { cron: "0 2 * * *", durationMs: 2 * hourMs, timezone: "UTC", splayMs: hourMs / 2 },
        { cron: "0 2 * * sat", durationMs: hourMs / 2, timezone: "Europe/Berlin", splayMs: hourMs / 4 },
        { cron: "0 0 1 * *", durationMs: 24 * hourMs, timezone: "UTC", splayMs: 0 },
      ],
    });
    expect(parseWindows([])).toStrictEqual({ ok: true, value: [] });
    expect(
      parseWindows(Array.from({ length: 8 }, () => ({ cron: "30 12 1,15 jan-mar mon#2", duration: "7d" }))).ok,
    ).toBe(true);
  });

  it.each(["fri#1", "5L", "FRIL", "1-5", "Monday,sat", "?"])("may come on the weekdays %s", (days) => {
    expect(parseWindows([{ cron: `*/15 2 * * ${days}`, duration: "2h" }]).ok).toBe(true);
  });

  it.each(["L", "L-3", "15W", "LW", "1-7/2", "31"])("may come on the days %s of some months", (days) => {
    expect(parseWindows([{ cron: `0 2 ${days} January,mar-jun,12 *`, duration: "2h" }]).ok).toBe(true);
  });

  const cron = "0 2 * * *";
  it.each<[string, unknown, RegExp]>([
    ["no list", { cron, duration: "2h" }, /^expected a list of at most 8 windows, got Object$/],
    ["too many", Array.from({ length: 9 }, () => ({ cron, duration: "2h" })), /^expected a list of at most 8/],
    ["no object", ["0 2 * * *"], /^0: expected Object/],
    ["no expression", [{ duration: "2h" }], /^0\.cron: /],
    ["four fields", [{ cron: "0 2 * *", duration: "2h" }], /^0\.cron: expected a cron expression of five fields/],
    ["six fields", [{ cron: "0 0 2 * * *", duration: "2h" }], /^0\.cron: expected a cron expression of five fields/],
    ["a number that no clock has", [{ cron: "0-999999999 2 * * *", duration: "2h" }], /^0\.cron: /],
    ["names that make such a number", [{ cron: "0 2 * 1-decdecdecdec *", duration: "2h" }], /^0\.cron: /],
    ["a word that is no name", [{ cron: "0 2 * * someday", duration: "2h" }], /^0\.cron: /],
    ["a nickname", [{ cron: "@daily", duration: "2h" }], /^0\.cron: /],
    ["no duration", [{ cron }], /^0\.duration: /],
    ["a number for a duration", [{ cron, duration: 120 }], /^0\.duration: /],
    ["something before a duration", [{ cron, duration: "x90m" }], /^0\.duration: /],
    ["something after a duration", [{ cron, duration: "90min" }], /^0\.duration: /],
    ["no unit", [{ cron, duration: "120" }], /^0\.duration: expected a duration from 1m to 7d such as .*, got "120"/],
    ["no time at all", [{ cron, duration: "0m" }], /^0\.duration: /],
    ["too long", [{ cron, duration: "8d" }], /^0\.duration: /],
    ["an empty timezone", [{ cron, duration: "2h", timezone: "" }], /^0\.timezone: expected a timezone such as/],
    ["something before a timezone", [{ cron, duration: "2h", timezone: " UTC" }], /^0\.timezone: /],
    ["something after a timezone", [{ cron, duration: "2h", timezone: "UTC;" }], /^0\.timezone: /],
    ["a splay without a unit", [{ cron, duration: "2h", splay: "1" }], /^0\.splay: expected a splay from 0m to 7d/],
    ["a splay as long as the window", [{ cron, duration: "2h", splay: "120m" }], /^0\.splay: expected less than/],
    ["a key that nobody knows", [{ cron, duration: "2h", tz: "UTC" }], /^0\.tz: is not a known key/],
  ])("is refused with %s", (_what, written, problem) => {
    const read = parseWindows(written);
    expect(read.ok ? [] : read.problems).toStrictEqual([expect.stringMatching(problem)]);
  });
});

describe("when a board may act", () => {
  const window = { cron: "", timezone: "", durationMs: 2 * hourMs, splayMs: hourMs };
  /** Opens each full day. */
  const daily = { after: (ms: number): number => (Math.floor(ms / (24 * hourMs)) + 1) * 24 * hourMs };

  it.each<[string, now: number, share: number, mayAct: number | null]>([
    ["before it opens", 23, 0, 24],
    ["the moment it opens", 24, 0, 24],
    ["before its own part of the splay", 24.25, 0.5, 24.5],
    ["at its own part of the splay", 24.5, 0.5, 24.5],
    ["just before it closes", 25.99, 0.5, 24.5],
    ["the moment it closes", 26, 0.5, 48.5],
  ])("%s", (_what, now, share, mayAct) => {
    expect(nextStart(window, daily, now * hourMs, share)).toBe(mayAct === null ? null : mayAct * hourMs);
  });

  it("is never, in a window that does not open again", () => {
    expect(nextStart(window, { after: () => null }, 0, 0.5)).toBeNull();
  });

  it("is spread by what a board is", () => {
    expect(splayFraction("0".repeat(64))).toBe(0);
    expect(splayFraction("8".padEnd(64, "0"))).toBe(0.5);
    expect(splayFraction("f".repeat(64))).toBeLessThan(1);
  });
});
