import { describe, expect, it } from "vitest";
import type { UpdateSnapshot } from "../../../../agent/contract/snapshot.ts";
import { phasesSince } from "../../../../service-tools/watch/update-phases.ts";
import { viewOf } from "../../../support/board-views.ts";

function since(last: string | undefined, phase: UpdateSnapshot["phase"], during?: string): readonly string[] {
  const error = during === undefined ? null : { code: "internal", during, message: "" };
  return phasesSince(last, viewOf({ phase, error }).update);
}

describe("the phases since the last look", () => {
  it.each<[string | undefined, UpdateSnapshot["phase"], string | undefined, string[]]>([
    [undefined, "accepted", undefined, ["accepted"]],
    ["accepted", "accepted", undefined, ["accepted"]],
    ["accepted", "staged", undefined, ["downloading", "verifying", "staged"]],
    ["applying", "rebooting", undefined, ["rebooting"]],
    ["verifying", "rebooting", undefined, ["staged", "applying", "rebooting"]],
    ["applying", "completed", undefined, ["proving", "completed"]],
    ["rebooting", "completed", undefined, ["proving", "completed"]],
    [
      undefined,
      "completed",
      undefined,
      ["accepted", "downloading", "verifying", "staged", "applying", "proving", "completed"],
    ],
    ["accepted", "failed", "verifying", ["downloading", "verifying", "failed"]],
    ["downloading", "failed", "downloading", ["failed"]],
    ["accepted", "cancelled", undefined, ["cancelled"]],
    ["applying", "reverting", "rebooting", ["rebooting", "reverting"]],
    ["reverting", "rolledBack", "proving", ["rolledBack"]],
    [
      undefined,
      "rolledBack",
      "proving",
      ["accepted", "downloading", "verifying", "staged", "applying", "proving", "rolledBack"],
    ],
  ])("from %s to %s (during %s)", (last, phase, during, expected) => {
    expect(since(last, phase, during)).toEqual(expected);
  });
});
