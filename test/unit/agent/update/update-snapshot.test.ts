import { describe, expect, it } from "vitest";
import type { UpdateSnapshot } from "../../../../agent/contract/snapshot.ts";
import type { Job } from "../../../../agent/update/job.ts";
import type { BlockedBy } from "../../../../agent/maintenance/window.ts";
import { initialState, type AgentState } from "../../../../agent/operations/agent-state.ts";
import { step } from "../../../../agent/update/machine.ts";
import { describeUpdate } from "../../../../agent/update/update-snapshot.ts";
import { idleUpdate } from "../../../support/snapshots.ts";
import { jobWith, states, t } from "../../../support/updates.ts";

const saved = (changes: Partial<AgentState>): AgentState => ({ ...initialState("boot-1"), ...changes });
const s = states();
const job = { operationId: "op-1", version: "2.0.0", rehearsal: false };
const bytes = { receivedBytes: 1_000, totalBytes: 1_000 };

const missing = (why: string): UpdateSnapshot["delay"] => ({
  code: "window-missing",
  message: `${why}, so this waits for ever. Correct maintenance.windows, or begin at once (applyFirmwareUpdate).`,
});

describe("the update as the hub may know it", () => {
  it("is nothing yet", () => {
    expect(describeUpdate(saved({}), null)).toStrictEqual(idleUpdate);
  });

  it.each<[phase: Exclude<keyof typeof s, "idle">, reported: Partial<UpdateSnapshot>]>([
    ["accepted", {}],
    ["downloading", { attempt: 1 }],
    ["verifying", bytes],
    ["staged", bytes],
    ["applying", { ...bytes, attempt: 1 }],
    ["rebooting", { ...bytes, attempt: 1 }],
    ["proving", bytes],
    ["reverting", { ...bytes, attempt: 1, error: s.reverting.error }],
    ["completed", {}],
    ["failed", { error: s.failed.error }],
    ["rolledBack", { error: s.rolledBack.error }],
    ["cancelled", {}],
  ])("%s", (phase, reported) => {
    const update = s[phase];
    expect(describeUpdate(saved({ update }), null)).toStrictEqual({
      ...idleUpdate,
      ...job,
      phase,
      times: update.times,
      ...reported,
    });
  });

  it.each<[what: string, apply: Job["apply"], wait: BlockedBy | null, reported: Partial<UpdateSnapshot>]>([
    ["nothing", "now", null, {}],
    ["nothing, whatever windows there are", "now", { kind: "closed", until: t(40) }, {}],
    ["its order", "manual", { kind: "closed", until: t(40) }, { waitsFor: "order" }],
    ["its window, before it was looked for", "window", null, { waitsFor: "window" }],
    [
      "its window, and until when",
      "window",
      { kind: "closed", until: t(40) },
      { waitsFor: "window", waitsUntil: t(40) },
    ],
    [
      "a window that does not come",
      "window",
      { kind: "closed", until: null },
      { waitsFor: "window", delay: missing("None of the board's maintenance windows opens again") },
    ],
    [
      "a window where none is left",
      "window",
      { kind: "missing" },
      { waitsFor: "window", delay: missing("No maintenance window is configured on this board any more") },
    ],
    ["the time", "window", { kind: "clockUnknown" }, { waitsFor: "clock" }],
  ])("is staged and waits for %s", (_what, apply, wait, reported) => {
    const update = states(jobWith({ apply })).staged;
    const common = { ...idleUpdate, ...job, ...bytes, phase: "staged", times: update.times };
    expect(describeUpdate(saved({ update }), null, wait)).toStrictEqual({ ...common, ...reported });
  });

  it.each<[what: string, apply: Job["apply"], wait: BlockedBy | null, waitsFor: UpdateSnapshot["waitsFor"]]>([
    ["nothing, before the clock was looked at", "now", null, null],
    ["the clock", "now", { kind: "clockUnknown" }, "clock"],
    ["nothing, where a window was left", "now", { kind: "closed", until: null }, null],
    ["its window", "window", { kind: "closed", until: null }, "window"],
    ["the clock, and then its window", "window", { kind: "clockUnknown" }, "clock"],
    ["its order", "manual", { kind: "clockUnknown" }, "order"],
  ])("is staged with a lease and waits for %s", (_what, apply, wait, waitsFor) => {
    const update = states(jobWith({ apply, startBy: t(50) })).staged;
    expect(describeUpdate(saved({ update }), null, wait)).toMatchObject({ startBy: t(50), waitsFor });
  });

  it("says by when it was to begin, and why it has not", () => {
    const leased = states(jobWith({ startBy: t(50) }));
    for (const update of Object.values(leased)) {
      expect(describeUpdate(saved({ update }), null).startBy).toBe(update.phase === "idle" ? null : t(50));
    }
    const update = step(leased.staged, { type: "leaseExpired", at: t(51) }) ?? leased.staged;
    const error = { code: "lease-expired", during: "staged" };
    expect(describeUpdate(saved({ update }), null)).toMatchObject({ phase: "cancelled", startBy: t(50), error });
  });

  it("waits for nothing once it is released", () => {
    const update = states(jobWith({ apply: "window" })).applying;
    expect(describeUpdate(saved({ update }), null, { kind: "closed", until: t(40) })).toMatchObject({
      waitsFor: null,
      waitsUntil: null,
    });
  });

  const delay = { code: "server-error", message: "503" };
  it.each<[what: string, sizeBytes: number | null, progress: object | null, reported: Partial<UpdateSnapshot>]>([
    ["how far it has come", null, { receivedBytes: 5, totalBytes: 10 }, { receivedBytes: 5, totalBytes: 10 }],
    ["the size that was asked for, before the server tells one", 9, null, { receivedBytes: null, totalBytes: 9 }],
    ["why it waits", null, { receivedBytes: 5, totalBytes: null, delay }, { receivedBytes: 5, delay }],
  ])("reports a download %s", (_what, sizeBytes, progress, reported) => {
    const update = states(jobWith({ sizeBytes })).downloading;
    expect(describeUpdate(saved({ update }), progress as never)).toMatchObject(reported);
  });

  it("forgets how far the download came once it is over", () => {
    const progress = { receivedBytes: 5, totalBytes: 10, delay };
    expect(describeUpdate(saved({ update: s.staged }), progress)).toMatchObject({ ...bytes, delay: null });
    expect(describeUpdate(saved({ update: s.failed }), progress)).toMatchObject({ receivedBytes: null, delay: null });
  });

  it("tells beside any phase what desired document was refused", () => {
    const refused = { code: "bad-request", message: "Bad request: fwVersion." };
    const handledDesired = { identity: "i1", desiredVersion: 4, refused };
    for (const update of Object.values(s))
      expect(describeUpdate(saved({ update, handledDesired }), null).refused).toStrictEqual({
        ...refused,
        desiredVersion: 4,
      });
    expect(describeUpdate(saved({ handledDesired: { ...handledDesired, refused: null } }), null).refused).toBeNull();
  });
});
