import { describe, expect, it, onTestFinished } from "vitest";
import { Alerts } from "../../../../agent/lib/alerts.ts";
import { createLog, type Log } from "../../../../agent/lib/log.ts";
import type { AgentStateStore } from "../../../../agent/operations/agent-state.ts";
import type { UpdateState } from "../../../../agent/update/job.ts";
import { LeaseWatch } from "../../../../agent/update/lease-watch.ts";
import { fakeRuntime } from "../../../support/fake-runtime.ts";
import { FakeTime } from "../../../support/fake-time.ts";
import { quiet } from "../../../support/logs.ts";
import { FakeStateFile, storeWith } from "../../../support/state-stores.ts";
import { jobWith, states } from "../../../support/updates.ts";

const [secondMs, minuteMs, hourMs] = [1_000, 60_000, 3_600_000];
/** The time of a test begins at three o'clock. */
const startBy = "2026-01-02T04:00:00.000Z";
const leased = states(jobWith({ startBy, apply: "manual" }));

interface Setup {
  readonly store: AgentStateStore;
  readonly time: FakeTime;
  readonly file: FakeStateFile;
  readonly alerts: Alerts;
  readonly watch: LeaseWatch;
}

function setup(update: UpdateState, time = new FakeTime(), log: Log = quiet): Setup {
  const [file, alerts] = [new FakeStateFile(), new Alerts([])];
  const store = storeWith({ update }, { file, time, alerts });
  const watch = new LeaseWatch({ ...fakeRuntime({ time, log }), store });
  onTestFinished(() => watch.stop());
  watch.start();
  return { store, time, file, alerts, watch };
}

const cancelled = (during: string): object => ({ phase: "cancelled", error: { code: "lease-expired", during } });
const change = (store: AgentStateStore, update: UpdateState): Promise<void> =>
  store.transact(() => ({ change: { update }, answer: undefined }));

describe("a lease", () => {
  it.each([leased.accepted, leased.downloading, leased.verifying, leased.staged])(
    "ends a job that is $phase when its time has come, and not before",
    async (update) => {
      const { store, time } = setup(update);
      await time.advance(hourMs - secondMs);
      expect(store.state.update).toBe(update);
      await time.advance(secondMs);
      expect(store.state.update).toMatchObject({ ...cancelled(update.phase), times: { ended: startBy } });
    },
  );

  it.each([leased.applying, leased.rebooting, leased.proving, leased.reverting, leased.completed, leased.cancelled])(
    "means nothing to a job that is $phase",
    async (update) => {
      const { store, time, file } = setup(update);
      await time.advance(2 * hourMs);
      expect([store.state.update, file.tries, time.sleepers]).toStrictEqual([update, 0, 0]);
    },
  );

  it("is no lease where the job has none", async () => {
    const { file, time } = setup(states().staged);
    await time.advance(2 * hourMs);
    expect([file.tries, time.sleepers]).toStrictEqual([0, 0]);
  });

  it("that has expired while the board was off ends the job at once", async () => {
    const { store, time } = setup(leased.staged, new FakeTime("2026-01-02T04:00:00.000Z"));
    await time.advance(0);
    expect(store.state.update).toMatchObject(cancelled("staged"));
  });

  it("is watched from when a job is accepted until it begins", async () => {
    const { store, time } = setup({ phase: "idle" });
    expect(time.sleepers).toBe(0);
    await change(store, leased.accepted);
    await time.advance(minuteMs);
    expect(time.sleepers).toBe(1);
    await change(store, leased.applying);
    await time.advance(0);
    expect(time.sleepers).toBe(0);
    await time.advance(2 * hourMs);
    expect(store.state.update).toBe(leased.applying);
  });

  it("ends between two looks at the clock, too", async () => {
    const { store, time } = setup(states(jobWith({ startBy: "2026-01-02T03:10:30.500Z" })).staged);
    await time.advance(10 * minuteMs + 30 * secondMs + 499);
    expect(store.state.update.phase).toBe("staged");
    await time.advance(1);
    expect(store.state.update).toMatchObject(cancelled("staged"));
  });

  it("is that of the job that has taken the place of another", async () => {
    const { store, time } = setup(leased.staged);
    await change(store, states(jobWith({ startBy, operationId: "op-2" })).staged);
    await time.advance(hourMs);
    expect(store.state.update).toMatchObject({ ...cancelled("staged"), job: { operationId: "op-2" } });
  });

  it("counts as it is now where it was changed meanwhile", async () => {
    const { store, time } = setup(leased.staged);
    await change(store, states(jobWith({ startBy: "2026-01-02T06:00:00.000Z", apply: "manual" })).staged);
    await time.advance(2 * hourMs);
    expect(store.state.update.phase).toBe("staged");
    await change(store, states(jobWith({ startBy: "2026-01-02T05:30:00.000Z", apply: "manual" })).staged);
    await time.advance(31 * minuteMs);
    expect(store.state.update).toMatchObject(cancelled("staged"));
  });
});

describe("the clock by which a lease is judged", () => {
  it("is not the one that nothing has set: no lease expires by it", async () => {
    const { store, time } = setup(leased.staged);
    time.isSynchronized = false;
    await time.advance(5 * hourMs);
    expect(store.state.update.phase).toBe("staged");
    time.isSynchronized = true;
    await time.advance(minuteMs);
    expect(store.state.update).toMatchObject(cancelled("staged"));
  });

  it("may be set in time", async () => {
    const { store, time } = setup(leased.staged, new FakeTime("1970-01-01T00:00:10.000Z"));
    time.isSynchronized = false;
    await time.advance(hourMs);
    time.stepWall(Date.parse("2026-01-02T03:30:00.000Z") - time.now().getTime());
    time.isSynchronized = true;
    await time.advance(29 * minuteMs);
    expect(store.state.update.phase).toBe("staged");
    await time.advance(minuteMs);
    expect(store.state.update).toMatchObject(cancelled("staged"));
  });

  it("may step over the lease, which is noticed within a minute", async () => {
    const { store, time } = setup(leased.staged);
    await time.advance(10 * secondMs);
    time.stepWall(24 * hourMs);
    await time.advance(minuteMs);
    expect(store.state.update).toMatchObject(cancelled("staged"));
  });

  it("may step back, and the lease is that much longer", async () => {
    const { store, time } = setup(leased.staged);
    await time.advance(59 * minuteMs);
    time.stepWall(-hourMs);
    await time.advance(hourMs);
    expect(store.state.update.phase).toBe("staged");
    await time.advance(minuteMs);
    expect(store.state.update).toMatchObject(cancelled("staged"));
  });

  it("is read again when a save is tried again: it may have stepped back meanwhile", async () => {
    const { store, time, file, alerts } = setup(leased.staged);
    file.refusal = new Error("read-only file system");
    await time.advance(hourMs);
    expect(alerts.messages.join()).toContain("Update op-1 ends as cancelled (lease-expired) once that can be saved");
    expect(store.state.update.phase).toBe("staged");
    time.stepWall(-hourMs);
    file.refusal = undefined;
    await time.advance(30 * minuteMs);
    expect(store.state.update.phase).toBe("staged");
    expect(alerts.messages).toStrictEqual([]);
    await time.advance(hourMs);
    expect(store.state.update).toMatchObject(cancelled("staged"));
  });
});

describe("the end of a watch", () => {
  it("is told where the clock cannot be asked: then the lease is checked when the update begins", async () => {
    const lines: string[] = [];
    const time = new FakeTime();
    time.synchronized = () => Promise.reject(new Error("no clock"));
    const store = storeWith({ update: leased.staged }, { time });
    const log = createLog("info", { write: (line) => void lines.push(line) });
    const watch = new LeaseWatch({ ...fakeRuntime({ time, log }), store });
    watch.start();
    await time.advance(hourMs);
    await watch.stop();
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines.join())).toMatchObject({ msg: "lease no longer watched", operationId: "op-1" });
  });

  it("comes with the agent's, whatever it waits for, and in silence", async () => {
    const lines: string[] = [];
    const { time, watch, file } = setup(
      leased.staged,
      new FakeTime(),
      createLog("info", { write: (line) => void lines.push(line) }),
    );
    await time.advance(minuteMs);
    await watch.stop();
    expect(time.sleepers).toBe(0);
    await time.advance(2 * hourMs);
    expect([file.tries, lines]).toStrictEqual([0, []]);
  });

  it("comes while a save is refused, too", async () => {
    const { time, watch, file } = setup(leased.staged);
    file.refusal = new Error("read-only file system");
    await time.advance(hourMs);
    await watch.stop();
    const tries = file.tries;
    file.refusal = undefined;
    await time.advance(hourMs);
    expect(file.saves.every(({ update }) => update.phase === "staged")).toBe(true);
    expect(tries).toBeGreaterThan(0);
  });
});
