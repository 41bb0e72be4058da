import { describe, expect, it } from "vitest";
import { formatInstallProgress } from "../../../../agent/cli/format/format-install-progress.ts";
import { sinceFrom } from "../../../../agent/cli/since.ts";

const nowMs = Date.parse("2026-01-02T03:00:00Z");

describe("a time as it is typed", () => {
  it.each([
    ["90s", "2026-01-02T02:58:30.000Z"],
    ["10m", "2026-01-02T02:50:00.000Z"],
    ["2h", "2026-01-02T01:00:00.000Z"],
    ["3d", "2025-12-30T03:00:00.000Z"],
    ["2026-01-01T00:00:00+01:00", "2025-12-31T23:00:00.000Z"],
  ])("%s", (text, expected) => expect(sinceFrom(text, nowMs)).toBe(expected));

  it.each(["soon", "", "10", "10x", "-5m", "m"])("that cannot be: '%s'", (text) => {
    expect(sinceFrom(text, nowMs)).toSatisfy((one) => one === undefined || text === "10");
  });
});

describe("an update that is followed on the board", () => {
  const state = (update: object, up = true): { [key: string]: never } =>
    ({ update: { operationId: "op-1", version: "2.0.0", error: null, ...update }, link: { up } }) as never;

  it.each([
    [undefined, { line: expect.stringContaining("the agent is away") as string }],
    [{}, { line: "the agent is taking up its state" }],
    [state({ phase: "downloading" }), { line: "downloading" }],
    [state({ phase: "staged" }), { line: "staged" }],
    [state({ phase: "staged" }, false), { line: expect.stringContaining("gives the hub three minutes") as string }],
    [state({ phase: "rebooting" }), { line: expect.stringContaining("boardkeeper-agent history") as string }],
    [
      state({ phase: "completed" }),
      { outcome: "completed", sentence: "This board runs 2.0.0, proven healthy after the update." },
    ],
    [
      state({ phase: "failed", error: { code: "no-space", message: "Full." } }),
      { outcome: "failed", sentence: "The update failed: no-space, Full." },
    ],
    [state({ phase: "rolledBack" }), { outcome: "rolledBack" }],
    [state({ phase: "cancelled" }), { outcome: "cancelled", sentence: "The update was cancelled." }],
    [state({ phase: "completed", operationId: "op-2" }), { outcome: "overtaken" }],
  ])("%j", (given, expected) => expect(formatInstallProgress(given, "op-1")).toMatchObject(expected));
});
