import { describe, expect, it } from "vitest";
import { exitCodes } from "../../../../service-tools/cli/exit-codes.ts";
import { outcomeError, type Outcome, rebootOutcome, updateOutcome } from "../../../../service-tools/watch/outcome.ts";
import type { RebootEnd } from "../../../../service-tools/watch/reboot-tracker.ts";
import type { UpdateEnd } from "../../../../service-tools/watch/update-end.ts";

const target = { deviceId: "board-1" };
const error = { code: "no-space", during: "downloading", message: "The disk is full." };
const bootIds = { bootIdBefore: "11111111-aaaa", bootId: "22222222-bbbb" };
const at = "2026-01-02T03:04:05.000Z";

function exitCodeOf(outcome: Outcome): number {
  return outcome.isGood ? exitCodes.ok : outcomeError(outcome).exitCode;
}

describe("the outcome of a reboot", () => {
  it.each<[RebootEnd, number, string]>([
    [
      { kind: "proven", at, cause: "requested", ...bootIds },
      0,
      "board-1 has rebooted. Proven: boot 11111111 ended, boot 22222222 began.",
    ],
    [
      { kind: "proven", at, cause: "other", ...bootIds },
      0,
      "board-1 has rebooted, not requested (a power failure, a crash, or somebody at the board). Proven: boot 11111111 ended, boot 22222222 began.",
    ],
    [
      { kind: "unproven", bootId: "11111111-aaaa" },
      1,
      "board-1 reports that it has rebooted, but its boot id is still 11111111-aaaa: the reboot is not proven.",
    ],
    [{ kind: "failed", error }, 1, "The reboot of board-1 failed. The disk is full. (no-space)"],
    [{ kind: "failed", error: null }, 1, "The reboot of board-1 failed. The board gives no reason."],
    [{ kind: "cancelled" }, 1, "The reboot of board-1 was cancelled before it was due."],
    [
      { kind: "superseded", by: "op-2" },
      1,
      "The reboot of board-1 was not followed to its end: the board now reports another one (op-2).",
    ],
    [
      { kind: "superseded", by: null },
      1,
      "The reboot of board-1 was not followed to its end: the board no longer reports it.",
    ],
  ])("%o", (end, exitCode, sentence) => {
    const outcome = rebootOutcome(target, end);
    expect(outcome.message).toBe(sentence);
    expect(exitCodeOf(outcome)).toBe(exitCode);
    expect(outcome.details).toMatchObject({ kind: end.kind });
  });
});

describe("the outcome of an update", () => {
  it.each<[UpdateEnd, number, string]>([
    [
      { kind: "completed", version: "2.0.0", already: false },
      0,
      "board-1 runs 2.0.0, proven healthy after the update.",
    ],
    [
      { kind: "completed", version: "2.0.0", already: true },
      0,
      "board-1 runs 2.0.0. This update was requested before; it was not done again.",
    ],
    [{ kind: "rehearsed" }, 0, "board-1 has rehearsed an update: it went through every phase and installed nothing."],
    [{ kind: "unproven", rehearsal: true }, 1, "board-1 only rehearsed this update: nothing was installed."],
    [
      { kind: "unproven", rehearsal: false },
      1,
      "board-1 reports that the update is completed, but not that its version is proven.",
    ],
    [{ kind: "failed", error }, 1, "The update of board-1 failed while downloading. The disk is full. (no-space)"],
    [{ kind: "failed", error: null }, 1, "The update of board-1 failed. The board gives no reason."],
    [
      { kind: "rolledBack", error },
      1,
      "board-1 is back on its old system: the new one was not proven. The disk is full. (no-space)",
    ],
    [{ kind: "cancelled", error: null }, 1, "The update of board-1 was cancelled; the old system is unchanged."],
    [
      { kind: "cancelled", error: { code: "lease-expired", during: "staged", message: "It was to begin by noon." } },
      1,
      "board-1 has cancelled the update. It was to begin by noon. (lease-expired)",
    ],
    [
      { kind: "cancelled", error: { code: "install-cancelled", during: "applying", message: "It was stopped." } },
      1,
      "The update of board-1 was cancelled. It was stopped. (install-cancelled)",
    ],
    [
      { kind: "superseded", by: "op-2" },
      1,
      "The update of board-1 was not followed to its end: another one has replaced it (op-2).",
    ],
    [
      { kind: "refused", code: "bad-request", message: "No." },
      6,
      "board-1 refused the declared update (bad-request): No.",
    ],
  ])("%o", (end, exitCode, sentence) => {
    const outcome = updateOutcome(target, end);
    expect(outcome.message).toBe(sentence);
    expect(exitCodeOf(outcome)).toBe(exitCode);
    expect(outcome.details).toMatchObject({ kind: end.kind });
  });
});
