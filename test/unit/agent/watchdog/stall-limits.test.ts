import { describe, expect, it } from "vitest";
import type { RebootDuty } from "../../../../agent/reboot/machine.ts";
import { workUnderWay } from "../../../../agent/watchdog/stall-limits.ts";
import { parseSettings } from "../../../../agent/config/parse-settings.ts";
import type { Duty } from "../../../../agent/update/machine.ts";
import { before, image, jobWith } from "../../../support/updates.ts";

const { settings } = parseSettings([]);
const job = jobWith();
const idle = {
  nowMs: 1_000,
  isRecovered: true,
  writes: { tries: 7, isSaving: false },
  update: undefined,
  reboot: undefined,
};

type Facts = Parameters<typeof workUnderWay>[0];
const works = (facts: Partial<Facts>) => workUnderWay({ ...idle, ...facts }, settings);
const updating = (action: Duty, more: { isEnding?: boolean; signs?: number } = {}) =>
  works({ update: { action, isEnding: false, signs: 0, ...more } });
const rebooting = (action: RebootDuty, nowMs = 1_000) => works({ nowMs, reboot: { action, isEnding: false } });

const minute = 60_000;
const actions: readonly (readonly [Duty, least: number | null])[] = [
  [{ kind: "admit", job }, minute],
  [{ kind: "fetch", job, attempt: 1 }, settings.downloadSilenceMs + minute],
  [{ kind: "verify", job, image }, minute],
  [{ kind: "awaitRelease", job }, settings.rebootDeadlineMs + 10 * minute],
  [{ kind: "awaitRelease", job: jobWith({ apply: "manual" }) }, null],
  [{ kind: "awaitRelease", job: jobWith({ apply: "window" }) }, null],
  [{ kind: "install", job, image, attempt: 1 }, 2 * settings.commandTimeLimitMs],
  [{ kind: "arm", job, image }, settings.commandTimeLimitMs],
  [{ kind: "reboot", job }, settings.rebootDeadlineMs],
  // Twelve looks at the version by way of root's door, and the link.
  [{ kind: "prove", job, image, before }, settings.proveWithinMs + 33 * minute],
  [{ kind: "commit", job, image }, 3 * settings.commandTimeLimitMs + 2 * minute],
  [{ kind: "revert", job, image, before, attempt: 1 }, 3 * settings.commandTimeLimitMs + 33 * minute],
  [{ kind: "tidy", job, keepsPartial: false }, minute],
  [{ kind: "tidy", job, keepsPartial: true }, null],
];

describe("how long work may go without moving", () => {
  it.each(actions)("update %j: longer than what is allowed inside it, and not for ever", (action, least) => {
    const boundMs = updating(action)[0]?.boundMs;
    const isRight =
      least === null ? boundMs === null : typeof boundMs === "number" && boundMs > least && boundMs < 24 * 60 * minute;
    expect({ boundMs, isRight }).toEqual({ boundMs, isRight: true });
  });

  it("grows with what has to be read, written and waited for", () => {
    const boundOf = (sizeBytes: number): number =>
      updating({ kind: "install", job, image: { ...image, sizeBytes }, attempt: 1 })[0]?.boundMs ?? 0;
    expect(boundOf(2 ** 30) - boundOf(0)).toBeCloseTo(8 * 1_024_000, 3);
    const rehearsal = updating({ kind: "verify", job: jobWith({ rehearsal: true }), image })[0]?.boundMs ?? 0;
    expect(rehearsal - (updating({ kind: "verify", job, image })[0]?.boundMs ?? 0)).toBe(15_000);
  });

  it("is five minutes for whoever was told to stop, however long its own work may take", () => {
    expect(updating({ kind: "awaitRelease", job: jobWith({ apply: "manual" }) }, { isEnding: true })[0]?.boundMs).toBe(
      5 * minute,
    );
    expect(works({ reboot: { action: { kind: "awaitUpdate" } as RebootDuty, isEnding: true } })[0]?.boundMs).toBe(
      5 * minute,
    );
  });

  it("of a reboot: none before it is due, ten minutes from then on", () => {
    const action: RebootDuty = { kind: "awaitDue", dueBootMs: 500_000 };
    expect(rebooting(action, 499_999)[0]?.boundMs).toBeNull();
    expect(rebooting(action, 500_000)[0]?.boundMs).toBe(10 * minute);
    expect(rebooting(action, 499_999)[0]?.sign).not.toBe(rebooting(action, 500_000)[0]?.sign);
    expect(rebooting({ kind: "reboot", cause: "requested" })[0]?.boundMs).toBe(20 * minute);
  });
});

describe("what is under way", () => {
  it("is nothing on a board that has nothing to do", () => {
    expect(works({})).toEqual([]);
  });

  it("is taking up the saved state, from the start until that is done; each refusal of the disk moves it", () => {
    const [work] = works({ isRecovered: false });
    expect(work).toEqual({ name: "taking up the saved state", sign: "7", boundMs: 10 * minute });
    expect(works({ isRecovered: false, writes: { tries: 8, isSaving: false } })[0]?.sign).toBe("8");
  });

  it("is a save that the disk neither does nor refuses", () => {
    expect(works({ writes: { tries: 7, isSaving: true } })).toEqual([
      { name: "saving the state", sign: "7", boundMs: 5 * minute },
    ]);
  });

  it.each([
    ["progress", updating({ kind: "fetch", job, attempt: 1 }, { signs: 1 })],
    ["another action", updating({ kind: "admit", job })],
    ["another job", updating({ kind: "fetch", job: jobWith({ operationId: "op-2" }), attempt: 1 })],
    ["another order to apply", updating({ kind: "fetch", job: jobWith({ apply: "manual" }), attempt: 1 })],
    ["an order to stop", updating({ kind: "fetch", job, attempt: 1 }, { isEnding: true })],
  ])("moves by %s", (_what, moved) => {
    expect(moved[0]?.sign).not.toBe(updating({ kind: "fetch", job, attempt: 1 })[0]?.sign);
  });
});
