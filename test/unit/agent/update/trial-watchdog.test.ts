import { describe, expect, it } from "vitest";
import { Alerts } from "../../../../agent/lib/alerts.ts";
import type { UpdateState } from "../../../../agent/update/job.ts";
import { startTrialWatchdog } from "../../../../agent/update/trial-watchdog.ts";
import { FakeTime } from "../../../support/fake-time.ts";
import { storeWith } from "../../../support/state-stores.ts";
import { jobWith, states } from "../../../support/updates.ts";
import { fakeRuntime } from "../../../support/fake-runtime.ts";

const minuteMs = 60_000;
const s = states();

function setup(update: UpdateState, runningVersion: string | null | Error = "2.0.0") {
  const time = new FakeTime();
  const bootedAtMs = time.nowMs();
  const alerts = new Alerts([]);
  const stop = new AbortController();
  const made = { time, alerts, stop, runningVersion, refusal: undefined as Error | undefined, reboots: 0 };
  startTrialWatchdog({
    store: storeWith({ update }, { time, alerts }),
    alerts,
    ...fakeRuntime({ time, bootClock: { nowMs: () => time.nowMs() - bootedAtMs } }),
    bootId: "boot-2",
    healthDeadlineMs: 30 * minuteMs,
    runningVersion: async () => {
      if (made.runningVersion instanceof Error) throw made.runningVersion;
      return made.runningVersion;
    },
    reboot: async () => {
      made.reboots += 1;
      if (made.refusal !== undefined) throw made.refusal;
    },
    stopping: stop.signal,
  });
  return made;
}

describe("a board that cannot save", () => {
  it.each<[string, UpdateState, string | null, number]>([
    ["a new system that has just come up", s.rebooting, "2.0.0", 1],
    ["a new system that is being proven", s.proving, "2.0.0", 1],
    ["the old system again", s.proving, "1.0.0", 0],
    ["nobody knows which", s.proving, null, 0],
    ["a new system that was proven: it may be committed", { ...s.proving, proven: true }, "2.0.0", 0],
    ["a new service: no boot loader takes it back", { ...s.proving, restart: "service" }, "2.0.0", 0],
    ["the system in which it was armed", { ...s.rebooting, fromBootId: "boot-2" }, "2.0.0", 0],
    ["a system that was never armed", { ...s.rebooting, armed: false }, "2.0.0", 0],
    ["what a rehearsal restarts into", states(jobWith({ rehearsal: true })).proving, "2.0.0", 0],
    ["a new system whose way back was saved in this boot", { ...s.reverting, fromBootId: "boot-2" }, "2.0.0", 1],
    ["the old system, whose way back was saved", { ...s.reverting, fromBootId: "boot-2" }, "1.0.0", 0],
    ["a new system that was started again after its way back", { ...s.reverting, fromBootId: "boot-1" }, "2.0.0", 0],
    ["a service on its way back", { ...s.reverting, fromBootId: "boot-2", restart: "service" }, "2.0.0", 0],
    ["a system that is kept", s.completed, "2.0.0", 0],
  ])("and runs %s", async (_what, update, running, reboots) => {
    const made = setup(update, running);
    made.alerts.raise("state", "It cannot be saved.");
    await made.time.advance(30 * minuteMs - 1);
    expect(made.reboots).toBe(0);
    await made.time.advance(minuteMs);
    expect(made.reboots).toBe(reboots);
  });

  it.each(["state", "trials"])("has from the first refusal on: %s", async (part) => {
    const made = setup(s.proving);
    made.alerts.raise(part, "It cannot be saved.");
    await made.time.advance(20 * minuteMs);
    made.alerts.raise(part, "For another reason.");
    await made.time.advance(10 * minuteMs);
    expect(made.reboots).toBe(1);
  });

  it("has its time from the boot on, however late the disk refuses, but two minutes of that", async () => {
    const made = setup(s.proving);
    await made.time.advance(20 * minuteMs);
    made.alerts.raise("state", "It cannot be saved.");
    await made.time.advance(10 * minuteMs - 1);
    expect(made.reboots).toBe(0);
    made.alerts.clear("state");
    await made.time.advance(10 * minuteMs);
    made.alerts.raise("state", "It cannot be saved.");
    await made.time.advance(2 * minuteMs - 1);
    expect(made.reboots).toBe(0);
    await made.time.advance(1);
    expect(made.reboots).toBe(1);
  });

  it("asks for its reboot again, ever ten minutes, for as long as it is refused or does not come", async () => {
    const made = setup(s.proving);
    made.refusal = new Error("systemd said no");
    made.alerts.raise("state", "It cannot be saved.");
    await made.time.advance(40 * minuteMs);
    expect(made.reboots).toBe(2);
    made.refusal = undefined;
    await made.time.advance(20 * minuteMs);
    expect(made.reboots).toBe(4);
    made.alerts.clear("state");
    await made.time.advance(60 * minuteMs);
    expect([made.reboots, made.time.sleepers]).toStrictEqual([4, 0]);
  });

  it.each([null, new Error("The installer does not answer.")])(
    "asks which system runs until there is an answer: %s",
    async (unknown) => {
      const made = setup(s.proving, unknown);
      made.alerts.raise("state", "It cannot be saved.");
      await made.time.advance(35 * minuteMs);
      made.runningVersion = "2.0.0";
      expect(made.reboots).toBe(0);
      await made.time.advance(10 * minuteMs);
      expect(made.reboots).toBe(1);
    },
  );

  it("is left alone by other alerts, and by an agent that stops", async () => {
    const made = setup(s.proving);
    made.alerts.raise("reserve", "There is none.");
    await made.time.advance(60 * minuteMs);
    made.alerts.raise("state", "It cannot be saved.");
    made.stop.abort();
    await made.time.advance(60 * minuteMs);
    expect([made.reboots, made.time.sleepers]).toStrictEqual([0, 0]);
  });
});
