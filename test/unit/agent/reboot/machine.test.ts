import * as v from "valibot";
import { describe, expect, it } from "vitest";
import {
  actionFor,
  isPending,
  unblock,
  rebootState,
  step,
  type RebootEvent,
  type RebootState,
} from "../../../../agent/reboot/machine.ts";
import { recoverReboot } from "../../../../agent/reboot/recover.ts";

/** Another time than the one that it was scheduled for. */
const at = "2026-01-02T03:10:07.000Z";
const job = {
  operationId: "op-1",
  reason: null,
  force: false,
  acceptedAt: "2026-01-02T03:00:00.000Z",
  scheduledFor: "2026-01-02T03:10:00.000Z",
};
const last = {
  fromBootId: "boot-0",
  bootId: "boot-1",
  cause: "requested" as const,
  at: "2026-01-01T00:00:00.000Z",
  clockSynchronized: true,
};
const s = {
  idle: { phase: "idle", last: null },
  scheduled: { phase: "scheduled", last, job, bootId: "boot-1", dueBootMs: 600_000 },
  waiting: { phase: "waiting", last, job, bootId: "boot-1" },
  rebooting: { phase: "rebooting", last, job, cause: "requested", bootId: "boot-1", startedAt: at },
  rebootingForUpdate: { phase: "rebooting", last, job: null, cause: "update", bootId: "boot-1", startedAt: at },
  proven: { phase: "proven", last, job, startedAt: at },
  unstamped: { phase: "proven", last: { ...last, at: null }, job, startedAt: at },
  failed: { phase: "failed", last, job, error: { code: "reboot-never-came", during: "rebooting", message: "…" } },
  cancelled: { phase: "cancelled", last, job },
  scheduledInWindow: { phase: "scheduled", last, job: { ...job, window: true }, bootId: "boot-1", dueBootMs: 600_000 },
  waitingInWindow: { phase: "waiting", last, job: { ...job, window: true }, bootId: "boot-1" },
} satisfies Record<string, RebootState>;
type Start = keyof typeof s;

const other = { ...job, operationId: "op-2" };
const events = {
  scheduled: { type: "scheduled", job: other, bootId: "boot-1", dueBootMs: 700_000 },
  due: { type: "due", blockedByUpdate: false, bootId: "boot-1", at, downBootMs: 900_000 },
  dueDuringUpdate: { type: "due", blockedByUpdate: true, bootId: "boot-1", at, downBootMs: 900_000 },
  neededByUpdate: { type: "neededByUpdate", bootId: "boot-1", at, downBootMs: 900_000 },
  cancelled: { type: "cancelled" },
  inhibited: { type: "inhibited", message: "Somebody is busy." },
  stateNotSaved: { type: "stateNotSaved", message: "The disk is full." },
  rebootTimedOut: { type: "rebootTimedOut", message: "It did not come." },
  timestamped: { type: "timestamped", at, clockSynchronized: false },
} satisfies Record<string, RebootEvent>;
type EventName = keyof typeof events;

const scheduled = { phase: "scheduled", job: other, dueBootMs: 700_000 };
const forUpdate = { phase: "rebooting", job: null, cause: "update", startedAt: at };
const table: [start: Start, event: EventName, target: object][] = [
  ["idle", "scheduled", { ...scheduled, last: null }],
  ["idle", "neededByUpdate", forUpdate],
  ["scheduled", "due", { phase: "rebooting", job, cause: "requested", startedAt: at }],
  ["scheduled", "dueDuringUpdate", { phase: "waiting", job }],
  ["scheduled", "neededByUpdate", { ...forUpdate, job }],
  ["scheduledInWindow", "due", { phase: "rebooting", job: { ...job, window: true, scheduledFor: at } }],
  ["scheduledInWindow", "dueDuringUpdate", { phase: "waiting", job: { ...job, window: true, scheduledFor: at } }],
  ["scheduledInWindow", "neededByUpdate", { ...forUpdate, job: { ...job, window: true } }],
  ["scheduledInWindow", "cancelled", { phase: "cancelled", job: { ...job, window: true }, last }],
  ["scheduledInWindow", "inhibited", { phase: "failed", error: { code: "inhibited" } }],
  ["scheduledInWindow", "stateNotSaved", { phase: "failed", error: { code: "state-not-saved" } }],
  ["waitingInWindow", "due", { phase: "rebooting", job: { ...job, window: true, scheduledFor: at } }],
  ["waitingInWindow", "neededByUpdate", { ...forUpdate, job: { ...job, window: true } }],
  ["waitingInWindow", "cancelled", { phase: "cancelled" }],
  ["waitingInWindow", "inhibited", { phase: "failed", error: { code: "inhibited" } }],
  ["waitingInWindow", "stateNotSaved", { phase: "failed", error: { code: "state-not-saved" } }],
  ["scheduled", "cancelled", { phase: "cancelled", job, last }],
  ["scheduled", "inhibited", { phase: "failed", job, last, error: { code: "inhibited", during: "scheduled" } }],
  ["waiting", "inhibited", { phase: "failed", job, last, error: { code: "inhibited", message: "Somebody is busy." } }],
  ["rebooting", "inhibited", { phase: "failed", job, last, error: { code: "inhibited", during: "rebooting" } }],
  [
    "scheduled",
    "stateNotSaved",
    { phase: "failed", job, last, error: { code: "state-not-saved", during: "scheduled" } },
  ],
  ["waiting", "stateNotSaved", { phase: "failed", job, last, error: { code: "state-not-saved", during: "waiting" } }],
  ["waiting", "due", { phase: "rebooting", job, cause: "requested" }],
  ["waiting", "neededByUpdate", { ...forUpdate, job }],
  ["waiting", "cancelled", { phase: "cancelled", job }],
  [
    "rebooting",
    "rebootTimedOut",
    { phase: "failed", job, error: { code: "reboot-never-came", message: "It did not come." } },
  ],
  ["rebootingForUpdate", "rebootTimedOut", { phase: "failed", job: null, error: { during: "rebooting" } }],
  ["proven", "scheduled", { ...scheduled, last }],
  ["proven", "neededByUpdate", forUpdate],
  ["unstamped", "scheduled", scheduled],
  ["unstamped", "neededByUpdate", forUpdate],
  ["unstamped", "timestamped", { phase: "proven", last: { ...last, at, clockSynchronized: false } }],
  ["failed", "scheduled", scheduled],
  ["failed", "neededByUpdate", forUpdate],
  ["cancelled", "scheduled", scheduled],
  ["cancelled", "neededByUpdate", forUpdate],
];

describe("step", () => {
  it.each(table)("%s + %s", (start, event, target) => {
    expect(step(s[start], events[event])).toMatchObject(target);
  });

  const unanswered = (Object.keys(s) as Start[]).flatMap((start) =>
    (Object.keys(events) as EventName[])
      .filter((event) => !table.some(([known, answered]) => known === start && answered === event))
      .map((event): [Start, EventName] => [start, event]),
  );
  it.each(unanswered)("%s does not answer %s", (start, event) => {
    expect(step(s[start], events[event])).toBeUndefined();
  });

  it("keeps the time of a reboot that becomes known only after another one was asked for", () => {
    const pending = step(s.unstamped, events.scheduled);
    expect(pending && step(pending, events.timestamped)).toMatchObject({ phase: "scheduled", last: { at } });
  });
});

describe("resume", () => {
  const proven = (cause: string, detail: object): object => ({
    phase: "proven",
    last: { fromBootId: "boot-1", bootId: "boot-2", cause, at: null, clockSynchronized: false },
    ...detail,
  });
  const message = expect.stringContaining("not known whether this reboot is still wanted");
  const lost = (during: string): object => ({ phase: "failed", error: { code: "state-lost", during, message } });
  /** Start; in another boot; in the same boot where the last state was read; there where it is an older one. */
  const cells: Readonly<
    Record<Start, readonly [otherBoot: object, sameBoot: "stays", sameBootOlder: object | "stays"]>
  > = {
    idle: [proven("other", { job: null, startedAt: null }), "stays", "stays"],
    scheduled: [proven("other", { job, startedAt: null }), "stays", lost("scheduled")],
    waiting: [proven("other", { job, startedAt: null }), "stays", lost("waiting")],
    rebooting: [proven("requested", { job, startedAt: at }), "stays", lost("rebooting")],
    rebootingForUpdate: [proven("update", { job: null, startedAt: at }), "stays", lost("rebooting")],
    proven: [proven("other", { job: null }), "stays", "stays"],
    unstamped: [proven("other", { job: null }), "stays", "stays"],
    failed: [proven("other", { job: null }), "stays", "stays"],
    cancelled: [proven("other", { job: null }), "stays", "stays"],
    scheduledInWindow: [proven("other", { job: { ...job, window: true } }), "stays", lost("scheduled")],
    waitingInWindow: [proven("other", { job: { ...job, window: true } }), "stays", lost("waiting")],
  };
  const rows = (Object.keys(s) as Start[]).map((start): [Start, (typeof cells)[Start]] => [start, cells[start]]);

  it.each(rows)("%s: another boot id proves a reboot, whatever was lost", (start, [target]) => {
    for (const isOlderCopy of [false, true])
      expect(
        recoverReboot(s[start], { bootId: "boot-2", savedBootId: "boot-1", isOlderCopy, nowBootMs: 0 }),
      ).toStrictEqual(expect.objectContaining(target));
  });

  it.each(rows)("%s: the same boot id proves nothing", (start) => {
    expect(
      recoverReboot(s[start], { bootId: "boot-1", savedBootId: "boot-1", isOlderCopy: false, nowBootMs: 660_000 }),
    ).toBe(s[start]);
  });

  const tooLate = expect.stringContaining("A late reboot is not done.");
  it.each<[string, RebootState, "reboot-never-came" | "stays"]>([
    ["scheduled", s.scheduled, "reboot-never-came"],
    ["waiting, with nothing in the way since then", { ...s.waiting, dueBootMs: 600_000 }, "reboot-never-came"],
    ["waiting for an update", s.waiting, "stays"],
    ["rebooting", { ...s.rebooting, dueBootMs: 600_000 }, "reboot-never-came"],
    ["rebooting for an update", { ...s.rebootingForUpdate, dueBootMs: 600_000 }, "reboot-never-came"],
    ["rebooting, as an older release saved it", s.rebooting, "stays"],
    ["scheduled for a window", s.scheduledInWindow, "stays"],
    ["waiting for an update, then for a window", { ...s.waitingInWindow, dueBootMs: 600_000 }, "stays"],
    ["ended", s.failed, "stays"],
  ])("%s: is not done more than a minute late in the same boot", (_what, state, code) => {
    const facts = { bootId: "boot-1", savedBootId: "boot-1", isOlderCopy: false };
    expect(recoverReboot(state, { ...facts, nowBootMs: 660_000 })).toBe(state);
    const late = recoverReboot(state, { ...facts, nowBootMs: 660_001 });
    const refused = { phase: "failed", last, error: { code, during: state.phase, message: tooLate } };
    expect(late).toMatchObject(code === "stays" ? state : refused);
    expect(recoverReboot(state, { ...facts, bootId: "boot-2", nowBootMs: 660_001 }).phase).toBe("proven");
  });

  it("counts from the end of the update that a reboot has waited for", () => {
    expect(unblock(s.waiting, 5_000)).toStrictEqual({ ...s.waiting, dueBootMs: 5_000 });
    expect(unblock(s.scheduled, 5_000)).toBe(s.scheduled);
  });

  it.each(rows)("%s, in an older state than the last, orders no reboot", (start, [, , target]) => {
    const resumed = recoverReboot(s[start], {
      bootId: "boot-1",
      savedBootId: "boot-1",
      isOlderCopy: true,
      nowBootMs: 0,
    });
    expect(resumed).toMatchObject(
      target === "stays" ? s[start] : { ...jobOf(s[start]), last: s[start].last, ...target },
    );
    expect(actionFor(resumed)).toBeUndefined();
  });
});

function jobOf(state: RebootState): object {
  return "job" in state ? { job: state.job } : {};
}

describe("action", () => {
  it.each<[Start, object | undefined]>([
    ["idle", undefined],
    ["scheduled", { kind: "awaitDue", dueBootMs: 600_000 }],
    ["waiting", { kind: "awaitUpdate", window: false }],
    ["scheduledInWindow", { kind: "awaitWindow" }],
    ["waitingInWindow", { kind: "awaitUpdate", window: true }],
    ["rebooting", { kind: "reboot", cause: "requested" }],
    ["rebootingForUpdate", { kind: "reboot", cause: "update" }],
    ["proven", undefined],
    ["unstamped", undefined],
    ["failed", undefined],
    ["cancelled", undefined],
  ])("%s", (start, expected) => {
    expect(actionFor(s[start])).toStrictEqual(expected);
  });

  it("counts as pending from the asking to the end", () => {
    const pending = (Object.keys(s) as Start[]).filter((start) => isPending(s[start]));
    const [windowed, waiting] = ["scheduledInWindow", "waitingInWindow"];
    expect(pending).toStrictEqual(["scheduled", "waiting", "rebooting", "rebootingForUpdate", windowed, waiting]);
  });
});

describe("what is saved", () => {
  const unasked = { ...s.proven, job: null, startedAt: null, last: { ...last, cause: "other" as const } };
  const ofUpdate = { ...s.proven, last: { ...last, cause: "update" as const } };
  const timed = [
    { ...s.rebooting, dueBootMs: 5 },
    { ...s.waiting, dueBootMs: 5 },
  ];
  it.each<RebootState>([...Object.values(s), ...timed, unasked, ofUpdate])("is read back whole: $phase", (state) => {
    expect(v.parse(rebootState, state)).toStrictEqual(state);
  });
});
