import { describe, expect, it } from "vitest";
import type { RebootAction } from "../../../../agent/reboot/machine.ts";
import { currentActivities } from "../../../../agent/watchdog/stall-limits.ts";
import { parseSettings } from "../../../../agent/config/parse-settings.ts";
import type { UpdateAction } from "../../../../agent/update/machine.ts";
import { before, image, jobWith, t } from "../../../support/updates.ts";

const { settings } = parseSettings([]);
const job = jobWith();
const idle = {
  nowMs: 1_000,
  isRecovered: true,
  writes: { tries: 7, isSaving: false },
  update: undefined,
  reboot: undefined,
};

type Facts = Parameters<typeof currentActivities>[0];
const activities = (facts: Partial<Facts>) => currentActivities({ ...idle, ...facts }, settings);
const updating = (action: UpdateAction, more: { isAborted?: boolean; progressCount?: number } = {}) =>
  activities({ update: { action, isAborted: false, progressCount: 0, ...more } });
const rebooting = (action: RebootAction, nowMs = 1_000) => activities({ nowMs, reboot: { action, isAborted: false } });

const minute = 60_000;
const actions: readonly (readonly [UpdateAction, least: number | null])[] = [
  [{ kind: "reserveSpace", job }, minute],
  [{ kind: "download", job, attempt: 1 }, settings.downloadSilenceMs + minute],
  [{ kind: "checkAndStage", job, image }, minute],
  [{ kind: "awaitApplyAllowed", job }, settings.rebootDeadlineMs + 10 * minute],
  [{ kind: "awaitApplyAllowed", job: jobWith({ apply: "manual" }) }, null],
  [{ kind: "awaitApplyAllowed", job: jobWith({ apply: "window" }) }, null],
  [{ kind: "awaitApplyAllowed", job: jobWith({ startBy: t(50) }) }, null],
  [{ kind: "install", job, image, attempt: 1 }, 2 * settings.commandTimeLimitMs],
  [{ kind: "arm", job, image }, settings.commandTimeLimitMs],
  [{ kind: "reboot", job }, settings.rebootDeadlineMs],
  // Twelve looks at the version by way of root's door, and the link.
  [{ kind: "checkHealth", job, image, before }, settings.proveWithinMs + 33 * minute],
  [{ kind: "commit", job, image }, 3 * settings.commandTimeLimitMs + 2 * minute],
  [{ kind: "revert", job, image, before, attempt: 1 }, 3 * settings.commandTimeLimitMs + 33 * minute],
  [{ kind: "cleanUp", job, keepsPartial: false }, minute],
  [{ kind: "cleanUp", job, keepsPartial: true }, null],
];

describe("how long an activity may go without progress", () => {
  it.each(actions)("update %j: longer than what is allowed inside it, and not for ever", (action, least) => {
    const stallLimitMs = updating(action)[0]?.stallLimitMs;
    const isRight =
      least === null
        ? stallLimitMs === null
        : typeof stallLimitMs === "number" && stallLimitMs > least && stallLimitMs < 24 * 60 * minute;
    expect({ stallLimitMs, isRight }).toEqual({ stallLimitMs, isRight: true });
  });

  it("grows with what has to be read, written and waited for", () => {
    const boundOf = (sizeBytes: number): number =>
      updating({ kind: "install", job, image: { ...image, sizeBytes }, attempt: 1 })[0]?.stallLimitMs ?? 0;
    expect(boundOf(2 ** 30) - boundOf(0)).toBeCloseTo(8 * 1_024_000, 3);
    const rehearsal =
      updating({ kind: "checkAndStage", job: jobWith({ rehearsal: true }), image })[0]?.stallLimitMs ?? 0;
    expect(rehearsal - (updating({ kind: "checkAndStage", job, image })[0]?.stallLimitMs ?? 0)).toBe(15_000);
  });

  it("is five minutes for an aborted action, however long its own limit is", () => {
    expect(
      updating({ kind: "awaitApplyAllowed", job: jobWith({ apply: "manual" }) }, { isAborted: true })[0]?.stallLimitMs,
    ).toBe(5 * minute);
    expect(
      activities({ reboot: { action: { kind: "awaitUpdate" } as RebootAction, isAborted: true } })[0]?.stallLimitMs,
    ).toBe(5 * minute);
  });

  it("of a reboot: none before it is due, ten minutes from then on", () => {
    const action: RebootAction = { kind: "awaitDue", dueBootMs: 500_000 };
    expect(rebooting(action, 499_999)[0]?.stallLimitMs).toBeNull();
    expect(rebooting(action, 500_000)[0]?.stallLimitMs).toBe(10 * minute);
    expect(rebooting(action, 499_999)[0]?.progressMark).not.toBe(rebooting(action, 500_000)[0]?.progressMark);
    expect(rebooting({ kind: "reboot", cause: "requested" })[0]?.stallLimitMs).toBe(20 * minute);
  });
});

describe("the current activities", () => {
  it("are none on an idle board", () => {
    expect(activities({})).toEqual([]);
  });

  it("include the recovery of the saved state, from the start until that is done; each write attempt is progress", () => {
    const [work] = activities({ isRecovered: false });
    expect(work).toEqual({ name: "recovering the saved state", progressMark: "7", stallLimitMs: 10 * minute });
    expect(activities({ isRecovered: false, writes: { tries: 8, isSaving: false } })[0]?.progressMark).toBe("8");
  });

  it("include a save that does not return", () => {
    expect(activities({ writes: { tries: 7, isSaving: true } })).toEqual([
      { name: "saving the state", progressMark: "7", stallLimitMs: 5 * minute },
    ]);
  });

  it.each([
    ["progress", updating({ kind: "download", job, attempt: 1 }, { progressCount: 1 })],
    ["another action", updating({ kind: "reserveSpace", job })],
    ["another job", updating({ kind: "download", job: jobWith({ operationId: "op-2" }), attempt: 1 })],
    ["approval", updating({ kind: "download", job: jobWith({ apply: "manual" }), attempt: 1 })],
    ["an abort", updating({ kind: "download", job, attempt: 1 }, { isAborted: true })],
  ])("make progress by %s", (_what, moved) => {
    expect(moved[0]?.progressMark).not.toBe(updating({ kind: "download", job, attempt: 1 })[0]?.progressMark);
  });
});
