import { describe, expect, it } from "vitest";
import { Alerts } from "../../../../agent/lib/alerts.ts";
import type { AgentState, LoadQuality, AgentStateStore } from "../../../../agent/operations/agent-state.ts";
import { unreadableCount } from "../../../../agent/update/job.ts";
import { attemptLimits } from "../../../../agent/update/machine.ts";
import { recoverState } from "../../../../agent/operations/recovery.ts";
import { FakeTime, settle } from "../../../support/fake-time.ts";
import { storeWith } from "../../../support/state-stores.ts";
import { states } from "../../../support/updates.ts";
import { fakeRuntime } from "../../../support/fake-runtime.ts";

const s = states();

interface Setup {
  readonly store: AgentStateStore;
  readonly time: FakeTime;
  readonly alerts: Alerts;
  /** The count on disk. */
  trials: number;
  /** What the disk says to a count, a state. */
  refusal: { trials?: Error | undefined; state?: Error | undefined; read?: Error | undefined };
  /** How often the disk was asked to take something. */
  tries: number;
  start(runningVersion: string | null, bootId?: string, loadQuality?: LoadQuality): Promise<void>;
}

function setup(update: AgentState["update"]): Setup {
  const time = new FakeTime();
  const alerts = new Alerts([]);
  const made: Setup = {
    time,
    trials: 0,
    tries: 0,
    refusal: {},
    alerts,
    store: storeWith(
      { update },
      {
        file: {
          save: async () => {
            made.tries += 1;
            if (made.refusal.state !== undefined) throw made.refusal.state;
          },
        },
        time,
        alerts,
      },
    ),
    start: (runningVersion, bootId = "boot-2", loadQuality = "latest") =>
      recoverState(
        {
          ...fakeRuntime({ time }),
          store: made.store,
          alerts,
          bootCounter: {
            read: async () => {
              if (made.refusal.read !== undefined) throw made.refusal.read;
              return made.trials;
            },
            write: async (count) => {
              made.tries += 1;
              if (made.refusal.trials !== undefined) throw made.refusal.trials;
              made.trials = count;
            },
          },
        },
        { bootId, runningVersion, loadQuality },
        new AbortController().signal,
      ),
  };
  return made;
}

describe("waking", () => {
  it.each([
    ["armed for its first boot", { ...s.rebooting, armed: true }, 1],
    ["being proven", s.proving, 1],
    ["not armed", { ...s.rebooting, armed: false }, 0],
    ["completed", s.completed, 0],
    ["downloading", s.downloading, 0],
  ] as const)("counts a start while the new system is %s: %i", async (_what, update, count) => {
    const made = setup(update);
    await made.start("2.0.0");
    expect(made.trials).toBe(count);
  });

  it("turns back a new system that starts again and again without being proven", async () => {
    const made = setup(s.proving);
    const phases: string[] = [];
    for (let boot = 2; boot <= attemptLimits.trialBoots + 2; boot += 1) {
      await made.start("2.0.0", `boot-${boot}`);
      phases.push(made.store.state.update.phase);
    }
    expect(phases).toStrictEqual([...Array(attemptLimits.trialBoots).fill("proving"), "reverting"]);
    expect(made.store.state.update).toMatchObject({ error: { code: "restarts-too-often" } });
  });

  it.each(["trials", "state"] as const)(
    "waits for a disk that refuses the %s, and takes nothing up before",
    async (what) => {
      const made = setup(s.rebooting);
      made.refusal[what] = Object.assign(new Error("read-only file system"), { code: "EROFS" });
      let recovered = false;
      const woken = made.start("2.0.0").then(() => (recovered = true));
      await made.time.advance(3_600_000);
      expect([recovered, made.store.state.update.phase]).toStrictEqual([false, "rebooting"]);
      expect(made.alerts.messages).toStrictEqual([expect.stringMatching(/read-only \(EROFS\)\. Check it/)]);
      expect(made.tries).toBeLessThan(70); // Cards wear: about one a minute.
      made.refusal = {};
      await made.time.advance(60_000);
      await woken;
      expect(made.alerts.messages).toStrictEqual([]);
      expect(made.store.state.update.phase).toBe("proving");
      expect(made.trials).toBe(1);
    },
  );

  it("goes back to the old system when the count cannot be read, and says so", async () => {
    const made = setup(s.proving);
    made.refusal.read = Object.assign(new Error("i/o error"), { code: "EIO" });
    const woken = made.start("2.0.0");
    await made.time.advance(20_000);
    await woken;
    expect(made.store.state.update).toMatchObject({
      phase: "reverting",
      error: { code: "restarts-too-often", message: expect.stringContaining("cannot be read") },
    });
    expect(made.trials).toBe(unreadableCount + 1); // On a disk that takes it: the next start knows without reading the old one.
    expect(made.alerts.messages).toStrictEqual([
      "The boot counter of the new system cannot be read: the disk fails (EIO). Replace it.",
    ]);
  });

  it("reads a count again that could not be read at once", async () => {
    const made = setup(s.proving);
    made.refusal.read = new Error("EIO");
    const woken = made.start("2.0.0");
    await made.time.advance(1_000);
    made.refusal = {};
    await made.time.advance(5_000);
    await woken;
    expect([made.store.state.update.phase, made.trials]).toStrictEqual(["proving", 1]);
    expect(made.alerts.messages).toStrictEqual([]);
  });

  it.each(["unsynced", "older"] as const)(
    "saves a state first that is %s, though nothing has changed",
    async (loadQuality) => {
      const made = setup(s.completed);
      await made.start("2.0.0", "boot-1");
      const { tries } = made;
      await made.start("2.0.0", "boot-1", loadQuality);
      expect(made.tries).toBe(tries + 1);
    },
  );

  it("drops what had not begun in an older state", async () => {
    const made = setup(s.staged);
    await made.start("1.0.0", "boot-1", "older");
    expect(made.store.state.update).toMatchObject({ phase: "failed", error: { code: "state-lost" } });
  });

  it("saves nothing when nothing has changed", async () => {
    const made = setup(s.completed);
    await made.start("2.0.0", "boot-1");
    await made.start("2.0.0", "boot-1");
    await settle();
    expect(made.store.state.seq).toBe(1); // The first start of all, from which the next boot is distinguished.
  });
});
