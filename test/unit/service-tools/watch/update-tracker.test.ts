import { describe, expect, it } from "vitest";
import type { UpdateSnapshot } from "../../../../agent/contract/snapshot.ts";
import type { BoardView } from "../../../../service-tools/boards/board-view.ts";
import { phasesEntered, updateTracker } from "../../../../service-tools/watch/update-tracker.ts";
import { viewOf } from "../../../support/board-views.ts";
import { asked, board, declaring, reads, track } from "../../../support/tracked-updates.ts";

const expired = { code: "lease-expired", during: "staged", message: "It was to begin by noon." };
const error = { code: "unreachable", during: "downloading", message: "The server is gone." };
const idle = board("idle", null);

it("presumes an end after ten reads where a connected board runs the declared version and says nothing of it", () => {
  const declared = { desiredVersion: 5 };
  const flashed = { ...declaring(idle, "op-1"), firmwareVersion: "2.0.0", connected: true };
  expect(track(declared, flashed, reads(9, flashed)).presumed).toBeUndefined();
  expect(track(declared, flashed, reads(10, flashed))).toMatchObject({
    end: undefined,
    presumed: { kind: "installed", version: "2.0.0" },
  });
  const updated = { ...declaring(board("completed", "op-0"), "op-1"), firmwareVersion: "2.0.0", connected: true };
  expect(track(declared, updated, reads(10, updated))).toMatchObject({
    end: undefined,
    presumed: { kind: "completed", already: true },
  });
  const replaced = declaring(flashed, "op-9");
  expect(track(declared, flashed, reads(10, replaced)).end).toEqual({ kind: "superseded", by: "op-9" });
  // Not while it is offline, or runs another version.
  expect(track(declared, flashed, reads(20, { ...flashed, connected: false })).presumed).toBeUndefined();
  expect(track(declared, flashed, reads(20, { ...flashed, firmwareVersion: "1.0.0" })).presumed).toBeUndefined();
  const refused = { code: "version-in-use", message: "Another image runs.", desiredVersion: 5 };
  const late = { ...flashed, update: { ...flashed.update, refused } };
  expect(track(declared, flashed, [...reads(9, flashed), late]).end).toMatchObject({ kind: "refused" });
});

it("ends at once where the board runs the version without an update of its agent", () => {
  const flashed = { ...idle, firmwareVersion: "2.0.0" };
  expect(track({ already: true }, flashed, [flashed]).end).toEqual({ kind: "installed", version: "2.0.0" });
  expect(track({ already: true }, idle, [{ ...idle, firmwareVersion: "1.0.0" }]).end).toBeUndefined();
  expect(track({}, flashed, [flashed]).end).toBeUndefined(); // It may be refused yet.
  const failed = { ...board("failed", "op-0", { error }), firmwareVersion: "2.0.0" };
  expect(track({ already: true }, failed, [failed]).end).toEqual({ kind: "installed", version: "2.0.0" });
});
const stale = board("completed", "op-0", { version: "1.0.0" });
const done = { kind: "completed", version: "2.0.0", already: false };

describe("an update requested by a method call", () => {
  it.each<[string, BoardView, BoardView[], object | undefined]>([
    ["is done when its version is proven", idle, [board("accepted"), board("applying"), board("completed")], done],
    ["is not done by a stale 'completed' of the one before", stale, [stale, stale], undefined],
    [
      "is not done when another version was proven",
      idle,
      [board("completed", "op-1", {}, "1.0.0")],
      { kind: "unproven", rehearsal: false },
    ],
    [
      "is not done by a rehearsal",
      idle,
      [board("completed", "op-1", { rehearsal: true })],
      { kind: "unproven", rehearsal: true },
    ],
    ["fails", idle, [board("downloading"), board("failed", "op-1", { error })], { kind: "failed", error }],
    [
      "is rolled back",
      idle,
      [board("proving"), board("reverting"), board("rolledBack", "op-1", { error })],
      { kind: "rolledBack", error },
    ],
    ["goes on while it goes back", idle, [board("reverting", "op-1", { error })], undefined],
    ["ends when it is cancelled", idle, [board("staged"), board("cancelled")], { kind: "cancelled", error: null }],
    [
      "ends when its lease has expired",
      idle,
      [board("staged"), board("cancelled", "op-1", { error: expired })],
      { kind: "cancelled", error: expired },
    ],
    [
      "is overtaken by another one",
      idle,
      [board("accepted"), board("accepted", "op-2")],
      { kind: "superseded", by: "op-2" },
    ],
    ["is overtaken before it was seen", stale, [board("accepted", "op-2")], { kind: "superseded", by: "op-2" }],
    ["is lost with the board's memory", idle, [board("accepted"), idle], { kind: "superseded", by: null }],
  ])("%s", (_what, before, views, end) => {
    expect(track({}, before, views).end).toEqual(end);
  });

  it("requested as a rehearsal, ends when it is rehearsed", () => {
    expect(track({ rehearsal: true }, idle, [board("completed", "op-1", { rehearsal: true })]).end).toEqual({
      kind: "rehearsed",
    });
  });

  it("counts when it was done before and the board answered 'already'", () => {
    const over = board("completed");
    expect(track({ already: true }, over, [over]).end).toEqual({ ...done, already: true });
  });

  it("counts when the board answered 'already' and another operation ran since, if its version is the last proven one", () => {
    const other = board("failed", "op-2", { error, version: "3.0.0" }, "2.0.0");
    expect(track({ already: true }, other, [other]).end).toEqual({ ...done, already: true });
    const otherVersion = board("completed", "op-2", { version: "3.0.0" });
    expect(track({ already: true }, otherVersion, [otherVersion]).end).toBeUndefined();
  });
});

describe("an update declared in the desired properties", () => {
  const declared = { desiredVersion: 5 };

  it.each<[string, BoardView[], object | undefined]>([
    ["waits for a board that has not read it", [declaring(idle, "op-1")], undefined],
    ["waits for another update to end", [declaring(board("applying", "op-0"), "op-1")], undefined],
    [
      "waits while an older document stands refused",
      [declaring(board("idle", null, { refused: { code: "bad-request", message: "No.", desiredVersion: 4 } }), "op-1")],
      undefined,
    ],
    ["is done when its version is proven", [declaring(idle, "op-1"), declaring(board("completed"), "op-1")], done],
    [
      "is refused",
      [declaring(board("idle", null, { refused: { code: "bad-request", message: "No.", desiredVersion: 5 } }), "op-1")],
      { kind: "refused", code: "bad-request", message: "No." },
    ],
    ["is overtaken by another declaration", [declaring(idle, "op-2", 6)], { kind: "superseded", by: "op-2" }],
    ["is taken back", [declaring(idle, null, 6)], { kind: "superseded", by: null }],
    [
      "goes on after its declaration is gone, once it was begun",
      [declaring(board("applying"), null, 6), declaring(board("completed"), null, 6)],
      done,
    ],
  ])("%s", (_what, views, end) => {
    expect(track(declared, idle, views).end).toEqual(end);
  });
});

describe("what is shown of an update", () => {
  it("are all its phases, even those that ended between two reads", () => {
    expect(track({}, idle, [board("accepted"), board("applying"), board("completed")]).phases).toEqual([
      "accepted",
      "downloading",
      "verifying",
      "staged",
      "applying",
      "proving",
      "completed",
    ]);
  });

  it("is how far the download has come, and what a staged image waits for", () => {
    const tracker = updateTracker({ deviceId: "board-1" }, asked, idle);
    const loading = tracker.next(
      tracker.initial,
      board("downloading", "op-1", { receivedBytes: 3, totalBytes: 2_097_152 }),
    );
    expect(loading.progress.download).toEqual({ receivedBytes: 3, totalBytes: 2_097_152 });
    expect(loading.progress.phases.at(-1)).toEqual({ phase: "downloading", note: "2.0 MiB" });
    const staged = tracker.next(loading.memory, board("staged", "op-1", { waitsFor: "order" }));
    expect(staged.progress.download).toBeNull();
    expect(staged.progress.phases.at(-1)?.note).toBe("waiting for approval; run: boardkeeper apply -d board-1");
  });
});

function entered(last: string | undefined, phase: UpdateSnapshot["phase"], during?: string): readonly string[] {
  const failure = during === undefined ? null : { code: "internal", during, message: "" };
  return phasesEntered(last, viewOf({ phase, error: failure }).update);
}

describe("the phases since the last read of the twin", () => {
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
    expect(entered(last, phase, during)).toEqual(expected);
  });
});

describe("an operation id that the board knows for another version", () => {
  it.each(["downloading", "completed", "failed"] as const)("is never a success: %s", (phase) => {
    const other = board(phase, "op-1", { version: "1.9.0" });
    expect(track({ repeated: true }, other, [other]).end).toStrictEqual({ kind: "otherContent", version: "1.9.0" });
  });

  it("is the same where the request named no version and the board has found the signed one", () => {
    const version = `sha256:${"a".repeat(12)}`;
    const found = board("failed", "op-1", { version: "2.0.0" });
    expect(track({ version }, idle, [found]).end).toMatchObject({ kind: "failed" });
    const other = board("failed", "op-1", { version: `sha256:${"b".repeat(12)}` });
    expect(track({ version }, idle, [other]).end).toMatchObject({ kind: "otherContent" });
  });

  it("is one where the board names no version", () => {
    const unnamed = board("downloading", "op-1", { version: null });
    expect(track({ repeated: true }, idle, [unnamed]).end).toBeUndefined();
  });
});
