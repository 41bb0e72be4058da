import { describe, expect, it } from "vitest";
import { describeBlockingUpdate } from "../../../../agent/operations/blocking.ts";
import { decideCancelReboot, decideReboot } from "../../../../agent/reboot/request-decisions.ts";
import { describeReboot } from "../../../../agent/reboot/reboot-snapshot.ts";
import { planReboot } from "../../../../agent/reboot/validate-request.ts";
import { initialState, type AgentState } from "../../../../agent/operations/agent-state.ts";
import { isPastStaging } from "../../../../agent/update/machine.ts";
import type { WindowStatus, BlockedBy } from "../../../../agent/maintenance/window.ts";
import { states } from "../../../support/updates.ts";

const now = new Date("2026-01-02T03:00:00.000Z");
const terms = { now, clockSynchronized: true, window: null };
const saved = (changes: Partial<AgentState> = {}): AgentState => ({ ...initialState("boot-1"), ...changes });
const job = {
  operationId: "op-1",
  reason: null,
  force: false,
  acceptedAt: now.toISOString(),
  scheduledFor: "2026-01-02T03:01:00.000Z",
};
const order = {
  job,
  bootId: "boot-1",
  dueBootMs: 61_000,
  mode: "systemd" as const,
  blockedBy: undefined,
  inhibitors: [],
  window: null,
};
const scheduled = { phase: "scheduled" as const, last: null, job, bootId: "boot-1", dueBootMs: 61_000 };
const rebooting = {
  phase: "rebooting" as const,
  last: null,
  job,
  cause: "requested" as const,
  bootId: "boot-1",
  startedAt: now.toISOString(),
};

describe("when a reboot is asked for", () => {
  it.each<[string, object, number, string]>([
    ["at once", {}, 0, "2026-01-02T03:00:00.000Z"],
    ["after a delay", { delaySeconds: 90 }, 90_000, "2026-01-02T03:01:30.000Z"],
    ["at a time", { at: "2026-01-02T04:00:00Z" }, 3_600_000, "2026-01-02T04:00:00.000Z"],
    ["at a time in another zone", { at: "2026-01-02T05:00:00+01:00" }, 3_600_000, "2026-01-02T04:00:00.000Z"],
    ["at a moment that has just passed", { at: "2026-01-02T02:59:30Z" }, 0, "2026-01-02T03:00:00.000Z"],
    ["at the oldest moment that can be meant", { at: "2026-01-02T02:59:00Z" }, 0, "2026-01-02T03:00:00.000Z"],
    ["at the latest", { at: "2026-01-03T03:00:00Z" }, 86_400_000, "2026-01-03T03:00:00.000Z"],
  ])("%s", (_what, payload, delayMs, scheduledFor) => {
    expect(planReboot(payload, terms, "new")).toMatchObject({
      ok: true,
      value: { delayMs, callerGaveId: false, job: { operationId: "new", scheduledFor, force: false, reason: null } },
    });
  });

  it("keeps what its caller says of it, without secrets", () => {
    const payload = { operationId: "op-7", force: true, reason: "new key from https://x/y?sig=SECRET" };
    const plan = planReboot(payload, terms, "new");
    expect(plan).toMatchObject({ ok: true, value: { callerGaveId: true, job: { operationId: "op-7", force: true } } });
    expect(plan.ok && plan.value.job.reason).toMatch(/^new key from https:\/\/x\/y\b/);
    expect(JSON.stringify(plan)).not.toContain("SECRET");
    const plain = planReboot({ reason: "tidy up" }, terms, "new");
    expect(plain).toMatchObject({ ok: true, value: { callerGaveId: false, job: { reason: "tidy up" } } });
  });

  it("is refused with every mistake named", () => {
    const plan = planReboot({ delaySeconds: -1, force: "yes" }, terms, "new");
    expect(plan).toMatchObject({ ok: false, error: { status: 400, code: "bad-request" } });
    expect(plan.ok ? "" : plan.error.message).toMatch(/delaySeconds.*force/s);
  });

  it.each<[string, object, object, string]>([
    [
      "at",
      { at: "2026-01-04T03:00:00Z" },
      {},
      "at: expected a time from now (2026-01-02T03:00:00.000Z) to a day later, got 2026-01-04T03:00:00Z.",
    ],
    [
      "the clock",
      { at: "2026-01-02T04:00:00Z" },
      { clockSynchronized: false },
      "at: this board's clock has not been set since it booted; give delaySeconds.",
    ],
  ])("says of %s what is wrong", (_what, payload, changed, message) => {
    const plan = planReboot(payload, { ...terms, ...changed }, "new");
    expect(plan.ok ? "" : plan.error.message).toBe(message);
  });

  it.each<[string, object, object, string]>([
    ["in the past", { at: "2026-01-02T02:00:00Z" }, {}, "bad-request"],
    ["too far ahead", { at: "2026-01-04T03:00:00Z" }, {}, "bad-request"],
    [
      "at a time on a board that does not know it",
      { at: "2026-01-02T04:00:00Z" },
      { clockSynchronized: false },
      "clock-not-set",
    ],
    ["in a window that is not there", { window: true }, {}, "window-missing"],
  ])("is refused %s", (_what, payload, changed, code) => {
    expect(planReboot(payload, { ...terms, ...changed }, "new")).toMatchObject({
      ok: false,
      error: { status: 400, code },
    });
  });
});

describe("a reboot in a maintenance window", () => {
  const until = "2026-01-03T02:10:00.000Z";

  it.each<[string, WindowStatus, number, string | null, string]>([
    ["that is open", { kind: "open" }, 0, now.toISOString(), now.toISOString()],
    ["that opens later", { kind: "closed", until }, 83_400_000, until, until],
    [
      "that nobody knows of",
      { kind: "closed", until: null },
      366 * 86_400_000,
      null,
      "a maintenance window, but none is known to open",
    ],
    [
      "by a clock that is not set",
      { kind: "clockUnknown" },
      366 * 86_400_000,
      null,
      "the maintenance window, once the board's clock is set",
    ],
  ])("%s", (_what, window, delayMs, scheduledFor, words) => {
    const plan = planReboot({ window: true }, { ...terms, window }, "new");
    if (!plan.ok) throw new Error("refused");
    expect(plan.value).toMatchObject({ delayMs, job: { window: true } });
    const { answer } = decideReboot(saved(), { ...order, job: plan.value.job, window });
    expect(answer.payload).toMatchObject({ Response: `Reboot scheduled for ${words}`, scheduledFor });
  });

  it("is not asked for by a window that is false", () => {
    const plan = planReboot({ window: false }, { ...terms, window: { kind: "closed", until } }, "new");
    expect(plan).toMatchObject({ ok: true, value: { delayMs: 0 } });
    expect(plan.ok && plan.value.job).not.toHaveProperty("window");
  });

  it("is what another one has to wait for", () => {
    const reboot = { ...scheduled, job: { ...job, window: true } };
    expect(decideReboot(saved({ reboot }), order).answer.payload.Response).toContain(
      "op-1, for the maintenance window",
    );
  });

  it.each<[string, BlockedBy | null, string | null]>([
    ["when it opens, as seen last", { kind: "closed", until }, until],
    ["nothing while nobody has looked", null, null],
    ["nothing while the clock is not set", { kind: "clockUnknown" }, null],
  ])("tells the twin %s", (_what, wait, scheduledFor) => {
    const reboot = { ...scheduled, job: { ...job, window: true } };
    expect(describeReboot(reboot, wait)).toMatchObject({ phase: "scheduled", scheduledFor });
  });

  it("tells the twin when it was let through, after that", () => {
    const reboot = { ...rebooting, job: { ...job, window: true } };
    expect(describeReboot(reboot, { kind: "closed", until })).toMatchObject({ scheduledFor: job.scheduledFor });
    expect(describeReboot(scheduled, { kind: "closed", until })).toMatchObject({ scheduledFor: job.scheduledFor });
  });
});

describe("rebootDevice", () => {
  it("schedules the reboot and tells when, how, and under which name", () => {
    const { change, answer } = decideReboot(saved(), order);
    expect(change).toStrictEqual({ reboot: scheduled });
    expect(answer).toStrictEqual({
      status: 200,
      payload: {
        Response: "Reboot scheduled for 2026-01-02T03:01:00.000Z",
        operationId: "op-1",
        scheduledFor: "2026-01-02T03:01:00.000Z",
        mode: "systemd",
      },
    });
  });

  it.each([scheduled, rebooting])("is refused while one is $phase", (reboot) => {
    const { change, answer } = decideReboot(saved({ reboot }), order);
    expect(change).toBeUndefined();
    expect(answer).toMatchObject({ status: 409, payload: { error: { code: "already-scheduled" } } });
  });

  it("is refused while inhibitors are held, by name", () => {
    const inhibitors = ["apt", "backup", "c", "d", "e"].map((who) => ({ who, why: "busy" }));
    const { change, answer } = decideReboot(saved(), { ...order, inhibitors });
    expect(change).toBeUndefined();
    expect(answer).toMatchObject({ status: 409, payload: { error: { code: "inhibited" } } });
    expect(answer.payload.Response).toContain("apt (busy), backup (busy), c (busy) and 2 more");
  });

  it.each(Object.values(states()))("during an update that is $phase", (update) => {
    const state = saved({ update });
    const { answer } = decideReboot(state, { ...order, blockedBy: describeBlockingUpdate(state) });
    expect(answer.status).toBe(isPastStaging(update) ? 409 : 200);
  });
});

describe("cancelReboot", () => {
  it("cancels what is scheduled", () => {
    const { change, answer } = decideCancelReboot(saved({ reboot: scheduled }), "op-1");
    expect(change?.reboot).toMatchObject({ phase: "cancelled" });
    expect(answer).toStrictEqual({ status: 200, payload: { Response: "Reboot cancelled", operationId: "op-1" } });
  });

  it.each<[string, AgentState, string | undefined, number]>([
    ["nothing scheduled", saved(), undefined, 404],
    ["another operation", saved({ reboot: scheduled }), "op-9", 404],
    ["too late", saved({ reboot: rebooting }), undefined, 409],
    ["too late, by name", saved({ reboot: rebooting }), "op-1", 409],
  ])("%s", (_what, state, operationId, status) => {
    const { change, answer } = decideCancelReboot(state, operationId);
    expect(change).toBeUndefined();
    expect(answer.status).toBe(status);
  });
});
