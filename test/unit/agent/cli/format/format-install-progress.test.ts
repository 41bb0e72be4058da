import { describe, expect, it } from "vitest";
import { formatInstallProgress } from "../../../../../agent/cli/format/format-install-progress.ts";

describe("an update that is followed on the board", () => {
  const state = (update: object, up = true): { [key: string]: never } =>
    ({ update: { operationId: "op-1", version: "2.0.0", error: null, ...update }, link: { up } }) as never;

  it.each([
    [undefined, { line: expect.stringContaining("the agent does not answer") as string }],
    [{}, { line: "the agent is recovering its saved state" }],
    [state({ phase: "downloading" }), { line: "downloading" }],
    [state({ phase: "staged" }), { line: "staged" }],
    [
      state({ phase: "staged" }, false),
      { line: expect.stringContaining("waits up to 3 minutes for the hub") as string },
    ],
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
