import { describe, expect, it } from "vitest";
import { isLeaseExpired, enforceLease, leaseExpired } from "../../../../agent/update/lease.ts";
import type { Job, UpdateEvent } from "../../../../agent/update/job.ts";
import { before, jobWith, states, t } from "../../../support/updates.ts";

const leased = jobWith({ startBy: t(30) });

describe("a lease", () => {
  it.each<[job: Job, now: string, isExpired: boolean]>([
    [jobWith(), t(59), false],
    [leased, "1970-01-01T00:00:00.000Z", false],
    [leased, "2026-01-02T03:00:29.999Z", false],
    [leased, t(30), true],
    [leased, "2038-01-19T03:14:08.000Z", true],
  ])("%# is judged by the clock", (job, now, isExpired) => {
    expect(isLeaseExpired(job, new Date(now))).toBe(isExpired);
  });

  const allowed: UpdateEvent = { type: "applyAllowed", before, at: t(29) };
  it("turns only the beginning of an update into its end", () => {
    expect(enforceLease(allowed, leased, new Date(t(31)))).toStrictEqual({ type: "leaseExpired", at: t(31) });
    expect(enforceLease(allowed, leased, new Date(t(29)))).toBe(allowed);
    expect(enforceLease(allowed, jobWith(), new Date(t(31)))).toBe(allowed);
    const others: UpdateEvent[] = [
      { type: "verified", at: t(31) },
      { type: "armed", at: t(31) },
      { type: "committed", at: t(31) },
      { type: "failed", bootId: "boot-1", error: { code: "internal", during: "", message: "" }, at: t(31) },
    ];
    for (const event of others) expect(enforceLease(event, leased, new Date(t(31)))).toBe(event);
  });

  it.each([
    [states(leased).downloading, "while the image was downloaded"],
    [states(leased).staged, "before the board could install it"],
    [states({ ...leased, apply: "window" }).staged, "while it waited for the maintenance window"],
    [states({ ...leased, apply: "manual" }).staged, "while it waited for approval"],
    [{ ...states(leased).accepted, times: { accepted: t(30) } }, "before the board had the request"],
    [{ ...states(leased).accepted, times: {} }, "before the download began"],
  ] as const)("that has expired says what kept the update: %#", (state, why) => {
    const { code, during, message } = leaseExpired(state);
    expect([code, during]).toStrictEqual(["lease-expired", state.phase]);
    expect(message).toContain(`was to begin by ${t(30)}. That time passed ${why}. The board is unchanged.`);
  });

  it.each([
    ["method", "request it again with a new operationId and a later startBy."],
    ["desired", "declare it again with a new operationId and a later startBy."],
  ] as const)("that has expired says how to go on (%s)", (origin, how) => {
    expect(leaseExpired(states({ ...leased, origin }).staged).message).toContain(how);
  });
});
