import { describe, expect, it } from "vitest";
import type { RebootSnapshot } from "../../../../agent/contract/snapshot.ts";
import type { BoardView } from "../../../../service-tools/boards/board-view.ts";
import { rebootTracker, type RebootEnd } from "../../../../service-tools/watch/reboot-tracker.ts";
import { viewOf } from "../../../support/board-views.ts";

const at = "2026-01-02T03:04:05.000Z";
const error = { code: "reboot-never-came", during: "rebooting", message: "It did not come." };

/** A board in a boot, with this operation in a phase. */
function board(
  bootId: string,
  phase: RebootSnapshot["phase"],
  operationId: string | null = "op-1",
  more: Partial<RebootSnapshot> = {},
): BoardView {
  const last = phase === "proven" ? { at, cause: "requested" as const, clockSynchronized: true } : null;
  const fromBootId = phase === "idle" || phase === "cancelled" ? null : "boot-1";
  const cause = phase === "proven" ? ("requested" as const) : null;
  return viewOf({}, { phase, operationId, cause, last, fromBootId, ...more }, { bootId });
}

/** Feeds reads of the twin to a tracker: how it ended, at which look, and what was shown. */
function track(
  before: BoardView,
  views: readonly BoardView[],
  repeated = false,
): { end: RebootEnd | undefined; views: number; phases: string[] } {
  const tracker = rebootTracker("op-1", before, repeated);
  let memory = tracker.initial;
  let phases: string[] = [];
  for (const [index, view] of views.entries()) {
    const step = tracker.next(memory, view);
    memory = step.memory;
    phases = step.progress.phases.map(({ phase }) => phase);
    if (step.end !== undefined) return { end: step.end, views: index + 1, phases };
  }
  return { end: undefined, views: views.length, phases };
}

const idle = board("boot-1", "idle", null);
const earlier = board("boot-1", "proven", "op-0");
const proven = { kind: "proven", at, cause: "requested", bootIdBefore: "boot-1", bootId: "boot-2" };

describe("a reboot, as the twin reports it", () => {
  it.each<[string, BoardView, BoardView[], object | undefined, string[]]>([
    [
      "is proven once the boot id has changed",
      idle,
      [board("boot-1", "scheduled"), board("boot-1", "rebooting"), board("boot-2", "proven")],
      proven,
      ["scheduled", "rebooting", "proven"],
    ],
    ["is proven when only its end was seen", idle, [board("boot-2", "proven")], proven, ["rebooting", "proven"]],
    ["is not proven by the reboot before it", earlier, [earlier, earlier], undefined, []],
    [
      "is not proven by a twin that still tells of the old boot",
      idle,
      [board("boot-1", "proven")],
      { kind: "unproven", bootId: "boot-1" },
      ["rebooting", "proven"],
    ],
    [
      "goes on while the board is down",
      idle,
      [board("boot-1", "rebooting"), board("boot-1", "rebooting")],
      undefined,
      ["rebooting"],
    ],
    [
      "waits for an update",
      idle,
      [board("boot-1", "scheduled"), board("boot-1", "waiting")],
      undefined,
      ["scheduled", "waiting"],
    ],
    [
      "fails when it never came",
      idle,
      [board("boot-1", "failed", "op-1", { error })],
      { kind: "failed", error },
      ["failed"],
    ],
    [
      "ends when it is cancelled",
      idle,
      [board("boot-1", "scheduled"), board("boot-1", "cancelled")],
      { kind: "cancelled" },
      ["scheduled", "cancelled"],
    ],
    [
      "is overtaken by another one",
      idle,
      [board("boot-1", "scheduled"), board("boot-1", "scheduled", "op-2")],
      { kind: "superseded", by: "op-2" },
      ["scheduled"],
    ],
    [
      "is overtaken before it was seen",
      earlier,
      [earlier, board("boot-1", "scheduled", "op-2")],
      { kind: "superseded", by: "op-2" },
      [],
    ],
    [
      "is lost with the board's memory",
      idle,
      [board("boot-1", "scheduled"), board("boot-2", "idle", null)],
      { kind: "superseded", by: null },
      ["scheduled"],
    ],
  ])("%s", (_what, before, views, end, phases) => {
    expect(track(before, views)).toMatchObject({ views: views.length, phases });
    expect(track(before, views).end).toEqual(end);
  });

  it("requested again after it was proven, is proven by the boot that the board says it ended", () => {
    const over = board("boot-2", "proven");
    expect(track(over, [over], true).end).toEqual(proven);
    const silent = board("boot-2", "proven", "op-1", { fromBootId: null });
    expect(track(silent, [silent], true).end).toEqual({ kind: "unproven", bootId: "boot-2" });
  });

  it("requested again, does not show earlier phases", () => {
    const before = board("boot-2", "proven");
    expect(track(before, [before], true).phases).toEqual(["proven"]);
    const down = board("boot-1", "rebooting");
    expect(track(down, [down, before], true).phases).toEqual(["rebooting", "proven"]);
  });

  it("requested again after a newer one, is superseded: the board no longer reports it", () => {
    const newer = board("boot-3", "proven", "op-2");
    expect(track(newer, [newer], true)).toMatchObject({ views: 1, end: { kind: "superseded", by: "op-2" } });
  });

  it("requested again while it is scheduled, must change the present boot id", () => {
    const scheduled = board("boot-1", "scheduled");
    expect(track(scheduled, [scheduled, board("boot-2", "proven")]).end).toEqual(proven);
  });

  it("started again under an id that the board has forgotten, is not told as its old end", () => {
    const over = board("boot-2", "proven");
    const later = { at: "2026-01-02T05:00:00.000Z", cause: "requested" as const, clockSynchronized: true };
    const again = board("boot-3", "proven", "op-1", { fromBootId: "boot-2", last: later });
    const views = [over, over, board("boot-2", "rebooting", "op-1", { fromBootId: "boot-2" }), again];
    expect(track(over, views)).toMatchObject({ views: 4, phases: ["rebooting", "proven"], end: { bootId: "boot-3" } });
    const failed = board("boot-2", "failed", "op-1", { error });
    expect(track(failed, [failed, board("boot-2", "cancelled")])).toMatchObject({
      views: 2,
      end: { kind: "cancelled" },
    });
    // The twin tells nothing new: the board itself has to say that it has ended so.
    const tracker = rebootTracker("op-1", failed, false);
    let memory = tracker.initial;
    const steps = Array.from({ length: 10 }, () => {
      const step = tracker.next(memory, failed);
      ({ memory } = step);
      return step;
    });
    expect(steps.at(-2)?.presumedEnd).toBeUndefined();
    expect(steps.at(-1)?.presumedEnd).toStrictEqual({ kind: "failed", error });
    expect(steps.every(({ end }) => end === undefined)).toBe(true);
  });

  it("gets the boot id from the first twin that has one", () => {
    const blank = { ...idle, agent: null };
    expect(track(blank, [board("boot-1", "scheduled"), board("boot-2", "proven")]).end).toEqual(proven);
    expect(track(blank, [board("boot-1", "scheduled"), board("boot-1", "proven")]).end).toEqual({
      kind: "unproven",
      bootId: "boot-1",
    });
  });

  it("reports a cause other than the request", () => {
    const last = { at, cause: "other" as const, clockSynchronized: true };
    expect(track(idle, [board("boot-2", "proven", "op-1", { cause: "other", last })]).end).toEqual({
      ...proven,
      cause: "other",
    });
  });
});
