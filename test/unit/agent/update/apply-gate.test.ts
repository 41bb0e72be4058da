import { describe, expect, it } from "vitest";
import type { RebootState } from "../../../../agent/reboot/machine.ts";
import type { BlockedBy } from "../../../../agent/maintenance/window.ts";
import { isRebooting } from "../../../../agent/operations/blocking.ts";
import { untilApplyAllowed } from "../../../../agent/update/apply-gate.ts";
import { FakeTime, settle } from "../../../support/fake-time.ts";
import { storeWith } from "../../../support/state-stores.ts";
import { jobWith, states, t } from "../../../support/updates.ts";

const idle: RebootState = { phase: "idle", last: null };
const goingDown: RebootState = {
  phase: "rebooting",
  last: null,
  job: null,
  cause: "requested",
  bootId: "boot-1",
  startedAt: t(9),
};

/** A staged update, and what became of its release. The window is open whenever somebody asks. */
function setup(apply: "now" | "window" | "manual", reboot: RebootState, lease: { startBy?: string } = {}) {
  const job = jobWith({ apply, ...lease });
  const time = new FakeTime();
  const store = storeWith({ update: states(job).staged, reboot });
  const seen = { isReleased: false, asked: 0 };
  const waits: BlockedBy[] = [];
  const untilWindowOpen = async (): Promise<void> => void (seen.asked += 1);
  const stopping = new AbortController();
  const done = untilApplyAllowed(
    {
      store,
      wallClock: time,
      timer: time,
      isRebooting: () => isRebooting(store.state),
      untilWindowOpen,
      onWait: (wait) => void waits.push(wait),
    },
    job,
    stopping.signal,
  ).then(
    () => (seen.isReleased = true),
    () => undefined,
  );
  return { store, seen, done, stopping, job, time, waits };
}

describe("the release of a staged update", () => {
  it.each(["now", "window"] as const)("comes at once (%s)", async (apply) => {
    const { seen, done } = setup(apply, idle);
    await done;
    expect(seen.isReleased).toBe(true);
  });

  it.each(["now", "window"] as const)("waits while the board is on its way down (%s)", async (apply) => {
    const { store, seen, done } = setup(apply, goingDown);
    await settle();
    expect(seen.isReleased).toBe(false);
    await store.transact(() => ({ change: { reboot: idle }, answer: undefined }));
    await done;
    expect(seen).toStrictEqual({ isReleased: true, asked: apply === "window" ? 2 : 0 }); // The window may have closed.
  });

  it("waits for the order where it was asked for, whatever the windows", async () => {
    const { store, seen, done, job } = setup("manual", idle);
    await settle();
    expect(seen).toStrictEqual({ isReleased: false, asked: 0 });
    const update = states({ ...job, apply: "now" }).staged;
    await store.transact(() => ({ change: { update }, answer: undefined }));
    await done;
    expect(seen.isReleased).toBe(true);
  });

  it.each(["now", "window"] as const)("does not ask for the clock without a lease (%s)", async (apply) => {
    const { seen, done, time, waits } = setup(apply, idle);
    time.isSynchronized = false;
    await done;
    expect([seen.isReleased, waits]).toStrictEqual([true, []]);
  });

  describe("with a lease", () => {
    const lease = { startBy: t(30) };

    it.each(["now", "window"] as const)("comes at once where the clock is set (%s)", async (apply) => {
      const { seen, done, waits } = setup(apply, idle, lease);
      await done;
      expect([seen.isReleased, waits]).toStrictEqual([true, []]);
    });

    it("waits until the clock is set, and says so", async () => {
      const { seen, done, time, waits } = setup("now", idle, lease);
      time.isSynchronized = false;
      await time.advance(3_600_000);
      expect([seen.isReleased, waits.at(-1)]).toStrictEqual([false, { kind: "clockUnknown" }]);
      time.isSynchronized = true;
      await time.advance(60_000);
      await done;
      expect(seen.isReleased).toBe(true);
    });

    it("waits for approval first, and then for the clock", async () => {
      const { store, seen, done, job, time, waits } = setup("manual", idle, lease);
      time.isSynchronized = false;
      await time.advance(3_600_000);
      expect(waits).toStrictEqual([]);
      const update = states({ ...job, apply: "now" }).staged;
      await store.transact(() => ({ change: { update }, answer: undefined }));
      await time.advance(60_000);
      expect([seen.isReleased, waits.at(-1)]).toStrictEqual([false, { kind: "clockUnknown" }]);
      time.isSynchronized = true;
      await time.advance(60_000);
      await done;
      expect(seen.isReleased).toBe(true);
    });

    it("ends with its signal while it waits for the clock", async () => {
      const { seen, done, time, stopping } = setup("now", idle, lease);
      time.isSynchronized = false;
      await time.advance(60_000);
      stopping.abort();
      await done;
      expect([seen.isReleased, time.sleepers]).toStrictEqual([false, 0]);
    });
  });

  it("ends with its signal", async () => {
    const { seen, done, stopping } = setup("manual", idle);
    stopping.abort();
    await done;
    expect(seen.isReleased).toBe(false);
  });
});
