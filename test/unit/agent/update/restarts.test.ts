import { describe, expect, it } from "vitest";
import { unreadableCount, type RestartFacts, type UpdateState } from "../../../../agent/update/job.ts";
import { isCancellable } from "../../../../agent/update/machine.ts";
import { recoverUpdate } from "../../../../agent/update/recover.ts";
import { attemptLimits } from "../../../../agent/update/transitions.ts";
import { jobWith, states, t } from "../../../support/updates.ts";

/*
 * Every state that can lie on disk when the agent starts, times everything that can be true then: one cell each. All were
 * saved in boot-1; what waits for a reboot waits for the end of that boot.
 */

function starts(job = jobWith()) {
  const s = states(job);
  const installed = { ...s.applying, installed: "service" as const };
  const unarmed = { ...s.rebooting, armed: false };
  const reverting = { ...s.reverting, fromBootId: "boot-1" };
  const turned = { ...reverting, reverted: true };
  return {
    idle: s.idle,
    accepted: s.accepted,
    downloading: s.downloading,
    "downloading for the last time": { ...s.downloading, attempt: attemptLimits.downloads },
    verifying: s.verifying,
    staged: s.staged,
    installing: s.applying,
    "installing for the last time": { ...s.applying, attempt: attemptLimits.installs },
    "installed, a service": installed,
    "installed, a service, for the last time": { ...installed, attempt: attemptLimits.arms },
    "to be armed": unarmed,
    "to be armed for the last time": { ...unarmed, attempt: attemptLimits.reboots },
    armed: s.rebooting,
    "armed for the last time": { ...s.rebooting, attempt: attemptLimits.reboots },
    proving: s.proving,
    proven: { ...s.proving, proven: true },
    reverting,
    "reverting for the last time": { ...reverting, attempt: attemptLimits.reverts },
    reverted: turned,
    "reverted for the last time": { ...turned, attempt: attemptLimits.reverts },
    "reverted from a system that never ran": { ...turned, end: "failed" as const },
    completed: s.completed,
    failed: s.failed,
    rolledBack: s.rolledBack,
    cancelled: s.cancelled,
  } satisfies Record<string, UpdateState>;
}
type Start = keyof ReturnType<typeof starts>;

/** The columns: in the same boot, the new system runs, the old one, nobody knows which; then the same in another boot. */
const columns = [
  ["boot-1", "2.0.0"],
  ["boot-1", "1.0.0"],
  ["boot-1", null],
  ["boot-2", "2.0.0"],
  ["boot-2", "1.0.0"],
  ["boot-2", null],
] as const;
type Row = readonly [string, string, string, string, string, string];

const each = (cell: string): Row => [cell, cell, cell, cell, cell, cell];
const worn = "interrupted-too-often";
const fell = "reverting 1 to rolledBack: fell-back";
const many = "reverting 1 to rolledBack: restarts-too-often";
const gone = `reverting 1 to failed: ${worn}`;
const old = "rolledBack: not-proven";

/** Where the new system was started a few times, and where too often. One row where that makes no difference. */
const table: Readonly<Record<Start, { readonly few: Row; readonly many: Row } | Row>> = {
  idle: each("stays"),
  accepted: each("stays"),
  downloading: each("downloading 2"),
  "downloading for the last time": each(`failed: ${worn}`),
  verifying: each("stays"),
  staged: each("stays"),
  installing: each("applying 2"),
  "installing for the last time": each(`failed: ${worn}`),
  "installed, a service": each("applying 2 installed"),
  "installed, a service, for the last time": each(gone),
  "to be armed": {
    few: [
      "rebooting 2 unarmed",
      "rebooting 2 unarmed",
      "rebooting 2 unarmed",
      "proving",
      "rebooting 2 unarmed",
      "proving",
    ],
    many: ["rebooting 2 unarmed", "rebooting 2 unarmed", "rebooting 2 unarmed", many, "rebooting 2 unarmed", many],
  },
  "to be armed for the last time": {
    few: [gone, gone, gone, "proving", gone, "proving"],
    many: [gone, gone, gone, many, gone, many],
  },
  armed: {
    few: ["rebooting 2 armed", "rebooting 2 armed", "rebooting 2 armed", "proving", fell, "proving"],
    many: ["rebooting 2 armed", "rebooting 2 armed", "rebooting 2 armed", many, fell, many],
  },
  "armed for the last time": {
    few: [gone, gone, gone, "proving", fell, "proving"],
    many: [gone, gone, gone, many, fell, many],
  },
  proving: {
    few: ["stays", fell, "stays", "stays", fell, "stays"],
    many: [many, fell, many, many, fell, many],
  },
  proven: {
    few: ["stays", fell, "stays", "proving", fell, "proving"],
    many: ["stays", fell, "stays", many, fell, many],
  },
  reverting: each("reverting 2 to rolledBack: not-proven"),
  "reverting for the last time": each(`failed: ${worn}`),
  reverted: [
    "stays",
    "stays",
    "stays",
    "reverting 2 to rolledBack: not-proven",
    old,
    "reverting 2 to rolledBack: not-proven",
  ],
  "reverted for the last time": ["stays", "stays", "stays", `failed: ${worn}`, old, `failed: ${worn}`],
  "reverted from a system that never ran": [
    "stays",
    "stays",
    "stays",
    "reverting 2 to failed: not-proven",
    "failed: not-proven",
    "reverting 2 to failed: not-proven",
  ],
  completed: each("stays"),
  failed: each("stays"),
  rolledBack: each("stays"),
  cancelled: each("stays"),
};

/** A state in few words. */
function told(next: UpdateState, before: UpdateState): string {
  if (next === before) return "stays";
  const words: string[] = [next.phase];
  if ("attempt" in next) words.push(String(next.attempt));
  if (next.phase === "applying" && next.installed !== null) words.push("installed");
  if (next.phase === "rebooting") words.push(next.armed ? "armed" : "unarmed");
  if (next.phase === "proving" && next.proven) words.push("proven");
  if (next.phase === "reverting") words.push(next.reverted ? "reverted" : `to ${next.end}`);
  return words.join(" ") + ("error" in next ? `: ${next.error.code}` : "");
}

function rowOf(state: UpdateState, facts: Pick<RestartFacts, "trialBoots" | "isOlderCopy">): string[] {
  return columns.map(([bootId, runningVersion]) =>
    told(recoverUpdate(state, { at: t(30), bootId, savedBootId: "boot-1", runningVersion, ...facts }), state),
  );
}

const rows = Object.entries(starts()) as [Start, UpdateState][];

describe("what a restart makes of an update", () => {
  it.each(rows)("%s", (start, state) => {
    const expected = table[start];
    const { few, many: often } = "few" in expected ? expected : { few: expected, many: expected };
    for (const trialBoots of [0, 1, attemptLimits.trialBoots])
      expect(rowOf(state, { trialBoots, isOlderCopy: false })).toEqual(few);
    for (const trialBoots of [attemptLimits.trialBoots + 1, unreadableCount, unreadableCount + 1])
      expect(rowOf(state, { trialBoots, isOlderCopy: false })).toEqual(often);
  });

  it("proven is committed in its boot however often that is cut off, up to a bound", () => {
    const { proven } = starts();
    const facts = { at: t(30), bootId: "boot-1", savedBootId: "boot-1", runningVersion: "2.0.0", isOlderCopy: false };
    expect(recoverUpdate(proven, { ...facts, trialBoots: attemptLimits.commits })).toBe(proven);
    expect(recoverUpdate(proven, { ...facts, trialBoots: attemptLimits.commits + 1 })).toMatchObject({
      phase: "reverting",
      attempt: 1,
      end: "rolledBack",
      error: { code: worn, during: "proving", message: expect.stringContaining("was started 16 times before") },
    });
  });

  it.each(rows)("%s, in an older state than the last: not begun is not wanted, begun goes on", (_start, state) => {
    for (const trialBoots of [1, unreadableCount]) {
      const row = rowOf(state, { trialBoots, isOlderCopy: true });
      expect(row).toEqual(
        isCancellable(state) ? each("failed: state-lost") : rowOf(state, { trialBoots, isOlderCopy: false }),
      );
    }
  });

  it.each(Object.entries(starts(jobWith({ rehearsal: true, sha256: null }))))(
    "%s, a rehearsal: whatever runs is what was wanted",
    (_start, state) => {
      for (const trialBoots of [1, unreadableCount]) {
        const [sameBoot, , , otherBoot] = rowOf(state, { trialBoots, isOlderCopy: false });
        const expected = [sameBoot, sameBoot, sameBoot, otherBoot, otherBoot, otherBoot];
        expect(rowOf(state, { trialBoots, isOlderCopy: false })).toEqual(expected);
      }
    },
  );

  it("says of a lost state in which phase it was found, and what to do", () => {
    const { staged } = starts();
    const facts = { at: t(30), bootId: "boot-1", savedBootId: "boot-1", runningVersion: "1.0.0", trialBoots: 0 };
    expect(recoverUpdate(staged, { ...facts, isOlderCopy: true })).toMatchObject({
      error: {
        code: "state-lost",
        during: "staged",
        message: expect.stringMatching(/still wanted.*ask for it again\.$/),
      },
    });
  });
});
