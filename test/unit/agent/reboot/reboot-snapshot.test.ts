import { describe, expect, it } from "vitest";
import type { RebootSnapshot } from "../../../../agent/contract/snapshot.ts";
import type { RebootState } from "../../../../agent/reboot/machine.ts";
import { describeReboot } from "../../../../agent/reboot/reboot-snapshot.ts";
import { idleReboot } from "../../../support/snapshots.ts";
import { t } from "../../../support/updates.ts";

const job = { operationId: "op-1", reason: "tidy up", force: false, acceptedAt: t(0), scheduledFor: t(30) };
const last = { fromBootId: "boot-1", bootId: "boot-2", cause: "other", at: t(9), clockSynchronized: true } as const;
const lastReported = { at: t(9), cause: "other", clockSynchronized: true } as const;
const error = { code: "inhibited", during: "scheduled", message: "apt (busy) holds it." };
const asked = { operationId: "op-1", reason: "tidy up", scheduledFor: t(30) };

describe("the reboot as the hub may know it", () => {
  it.each<[what: string, state: RebootState, reported: Partial<RebootSnapshot>]>([
    ["nothing yet", { phase: "idle", last: null }, {}],
    ["nothing since the last one", { phase: "idle", last }, { last: lastReported }],
    [
      "scheduled",
      { phase: "scheduled", last, job, bootId: "boot-2", dueBootMs: 1 },
      { ...asked, phase: "scheduled", fromBootId: "boot-2", last: lastReported },
    ],
    [
      "waiting for an update",
      { phase: "waiting", last: null, job, bootId: "boot-2" },
      { ...asked, phase: "waiting", fromBootId: "boot-2" },
    ],
    [
      "ordered",
      { phase: "rebooting", last: null, job, cause: "requested", bootId: "boot-1", startedAt: t(31) },
      { ...asked, phase: "rebooting", cause: "requested", fromBootId: "boot-1", startedAt: t(31) },
    ],
    [
      "ordered by an update",
      { phase: "rebooting", last: null, job: null, cause: "update", bootId: "boot-1", startedAt: t(31) },
      { phase: "rebooting", cause: "update", fromBootId: "boot-1", startedAt: t(31) },
    ],
    [
      "proven",
      { phase: "proven", last, job, startedAt: t(5) },
      { ...asked, phase: "proven", cause: "other", fromBootId: "boot-1", startedAt: t(5), last: lastReported },
    ],
    [
      "proven, but nobody knows yet when",
      { phase: "proven", last: { ...last, at: null, clockSynchronized: false }, job, startedAt: null },
      { ...asked, phase: "rebooting", cause: "other", fromBootId: "boot-1" },
    ],
    ["failed", { phase: "failed", last, job, error }, { ...asked, phase: "failed", error, last: lastReported }],
    ["cancelled", { phase: "cancelled", last: null, job }, { ...asked, phase: "cancelled" }],
  ])("%s", (_what, state, reported) => {
    expect(describeReboot(state)).toStrictEqual({ ...idleReboot, ...reported });
  });
});
