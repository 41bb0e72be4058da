import { describe, expect, it } from "vitest";
import { unreadableCount, type RestartFacts, type UpdateState } from "../../../../agent/update/job.ts";
import { attemptLimits, isBeforeInstall, isRunning } from "../../../../agent/update/machine.ts";
import { recoverUpdate } from "../../../../agent/update/recover.ts";
import { jobWith, t } from "../../../support/updates.ts";
import {
  columns,
  each,
  newSystem,
  oldSystem,
  recoveries,
  restarts,
  sameBoot,
  savedStates,
  worn,
  type SavedState,
} from "../../../fixtures/update-machine/recoveries.ts";
import { at, installed, s, starts, unarmed } from "../../../fixtures/update-machine/transitions.ts";

describe("recoverUpdate", () => {
  it.each(restarts)("%s", (_what, state, facts, target) => {
    expect(recoverUpdate(state, facts)).toMatchObject(target);
  });

  it.each<[what: string, state: UpdateState, facts: RestartFacts, failure: object]>([
    [
      "a download",
      { ...s.downloading, attempt: attemptLimits.downloads },
      sameBoot,
      failureOf(worn, "downloading", /download was/),
    ],
    [
      "an installation",
      { ...s.applying, attempt: attemptLimits.installs },
      sameBoot,
      failureOf(worn, "applying", /installer was/),
    ],
    [
      "arming",
      { ...installed, attempt: attemptLimits.arms },
      sameBoot,
      failureOf(worn, "applying", /arming was interrupted \d/),
    ],
    [
      "the agent before a reboot",
      { ...s.rebooting, attempt: attemptLimits.reboots },
      sameBoot,
      failureOf(worn, "rebooting", /the agent was interrupted before the reboot/),
    ],
    [
      "the board before arming",
      { ...unarmed, attempt: attemptLimits.reboots },
      oldSystem,
      failureOf(worn, "rebooting", /the board went down before/),
    ],
    [
      "going back",
      { ...s.reverting, attempt: attemptLimits.reverts },
      newSystem,
      failureOf(worn, "reverting", /the rollback was/),
    ],
    [
      "a new system that did not come up",
      s.rebooting,
      oldSystem,
      failureOf("fell-back", "rebooting", /does not run 2\.0\.0/),
    ],
    [
      "a new system that keeps restarting",
      s.proving,
      { ...newSystem, trialBoots: attemptLimits.trialBoots + 1 },
      failureOf("restarts-too-often", "proving", /did not pass its health check within 5 starts of the agent/),
    ],
    [
      "a new system whose starts could not be counted",
      s.proving,
      { ...newSystem, trialBoots: unreadableCount },
      failureOf("restarts-too-often", "proving", /boot counter is damaged/),
    ],
  ])("says what happened, when, and what to do, of %s", (_what, state, facts, failure) => {
    expect(recoverUpdate(state, facts)).toMatchObject({ error: failure });
  });

  it.each<[what: string, state: UpdateState, facts: RestartFacts]>([
    ["was never armed", { ...unarmed, attempt: attemptLimits.reboots }, sameBoot],
    ["did not come up", s.rebooting, oldSystem],
    ["keeps restarting", s.rebooting, { ...newSystem, trialBoots: attemptLimits.trialBoots + 1 }],
  ])("goes back with a reboot from a new system that %s", (_what, state, facts) => {
    expect(recoverUpdate(state, facts)).toMatchObject({ phase: "reverting", restart: "board" });
  });

  it.each([s.rebooting, s.proving])("lets a new system start as often as it may: $phase", (state) => {
    expect(recoverUpdate(state, { ...newSystem, trialBoots: attemptLimits.trialBoots })).toMatchObject({
      phase: "proving",
    });
  });

  /** Boots as a board may have them that never comes to rest: what runs changes, stays or cannot be told. */
  const systems: [string, (boot: number) => string | null][] = [
    ["the old system", () => "1.0.0"],
    ["the new system", () => "2.0.0"],
    ["now this, now that", (boot) => (boot % 2 === 0 ? "2.0.0" : "1.0.0")],
    ["nobody knows what", () => null],
  ];
  const busy = starts.filter(
    ([, state]) => isRunning(state) && !["accepted", "verifying", "staged"].includes(state.phase),
  );
  describe.each(systems)("with %s running", (_what, runningAt) => {
    it.each(busy)("%s ends after restarts without number, of the board or of the agent", (_start, begin) => {
      for (const rebooting of [true, false]) {
        let state = begin;
        let savedBootId = "boot-1";
        for (let boot = 2; boot <= 250 && isRunning(state); boot += 1) {
          const facts = { at, savedBootId, runningVersion: runningAt(boot), trialBoots: boot, isOlderCopy: false };
          const thisBoot = rebooting ? `boot-${boot}` : savedBootId;
          state = recoverUpdate(state, { ...facts, bootId: thisBoot });
          savedBootId = thisBoot;
        }
        // Where nothing more is missing than a commit, it is done at each start, whatever else happens.
        const onlyToCommit = state.phase === "proving" && state.proven;
        expect(isRunning(state)).toBe(onlyToCommit);
      }
    });
  });
});

function failureOf(code: string, during: string, message: RegExp): object {
  return { code, during, message: expect.stringMatching(new RegExp(`${message.source}.*\\.$`)) };
}

/** A state in few words. */
function summarize(next: UpdateState, before: UpdateState): string {
  if (next === before) return "stays";
  const words: string[] = [next.phase];
  if ("attempt" in next) words.push(String(next.attempt));
  if (next.phase === "applying" && next.installed !== null) words.push("installed");
  if (next.phase === "rebooting") words.push(next.armed ? "armed" : "unarmed");
  if (next.phase === "proving" && next.proven) words.push("proven");
  if (next.phase === "reverting") words.push(next.reverted ? "reverted" : `to ${next.end}`);
  return words.join(" ") + ("error" in next ? `: ${next.error?.code}` : "");
}

function rowOf(state: UpdateState, facts: Pick<RestartFacts, "trialBoots" | "isOlderCopy">): string[] {
  return columns.map(([bootId, runningVersion]) =>
    summarize(recoverUpdate(state, { at: t(30), bootId, savedBootId: "boot-1", runningVersion, ...facts }), state),
  );
}

const rows = Object.entries(savedStates()) as [SavedState, UpdateState][];

describe("what a restart makes of an update", () => {
  it.each(rows)("%s", (start, state) => {
    const expected = recoveries[start];
    const { few, many: often } = "few" in expected ? expected : { few: expected, many: expected };
    for (const trialBoots of [0, 1, attemptLimits.trialBoots])
      expect(rowOf(state, { trialBoots, isOlderCopy: false })).toEqual(few);
    for (const trialBoots of [attemptLimits.trialBoots + 1, unreadableCount, unreadableCount + 1])
      expect(rowOf(state, { trialBoots, isOlderCopy: false })).toEqual(often);
  });

  it("proven is committed in its boot however often that is cut off, up to a bound", () => {
    const { proven } = savedStates();
    const facts = { at: t(30), bootId: "boot-1", savedBootId: "boot-1", runningVersion: "2.0.0", isOlderCopy: false };
    expect(recoverUpdate(proven, { ...facts, trialBoots: attemptLimits.commits })).toBe(proven);
    expect(recoverUpdate(proven, { ...facts, trialBoots: attemptLimits.commits + 1 })).toMatchObject({
      phase: "reverting",
      attempt: 1,
      end: "rolledBack",
      error: { code: worn, during: "proving", message: expect.stringContaining("started 16 times without committing") },
    });
  });

  it.each(rows)("%s, in an older state than the last: not begun is not wanted, begun goes on", (_start, state) => {
    for (const trialBoots of [1, unreadableCount]) {
      const row = rowOf(state, { trialBoots, isOlderCopy: true });
      expect(row).toEqual(
        isBeforeInstall(state) ? each("failed: state-lost") : rowOf(state, { trialBoots, isOlderCopy: false }),
      );
    }
  });

  it.each(Object.entries(savedStates(jobWith({ rehearsal: true, sha256: null }))))(
    "%s, a rehearsal: whatever runs is what was wanted",
    (_start, state) => {
      for (const trialBoots of [1, unreadableCount]) {
        const [inSameBoot, , , otherBoot] = rowOf(state, { trialBoots, isOlderCopy: false });
        const expected = [inSameBoot, inSameBoot, inSameBoot, otherBoot, otherBoot, otherBoot];
        expect(rowOf(state, { trialBoots, isOlderCopy: false })).toEqual(expected);
      }
    },
  );

  it("says of a lost state in which phase it was found, and what to do", () => {
    const { staged } = savedStates();
    const facts = { at: t(30), bootId: "boot-1", savedBootId: "boot-1", runningVersion: "1.0.0", trialBoots: 0 };
    expect(recoverUpdate(staged, { ...facts, isOlderCopy: true })).toMatchObject({
      error: {
        code: "state-lost",
        during: "staged",
        message: expect.stringMatching(/still wanted.*request it again\.$/),
      },
    });
  });
});
