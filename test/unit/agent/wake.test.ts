import { describe, expect, it } from "vitest";
import { Journal } from "../../../agent/journal.ts";
import { blank, type Saved } from "../../../agent/saved.ts";
import { limits } from "../../../agent/update/machine.ts";
import { wake } from "../../../agent/wake.ts";
import { FakeTime, settle } from "../../support/fake-time.ts";
import { quiet } from "../../support/journals.ts";
import { states } from "../../support/updates.ts";

const s = states();

interface Scene {
  readonly journal: Journal;
  readonly time: FakeTime;
  /** The count on disk. */
  trials: number;
  /** What the disk says to a count, a state. */
  refusal: { trials?: Error | undefined; state?: Error | undefined };
  start(runningVersion: string | null, bootId?: string): Promise<void>;
}

function scene(update: Saved["update"]): Scene {
  const time = new FakeTime();
  const made: Scene = {
    time,
    trials: 0,
    refusal: {},
    journal: new Journal(
      {
        file: {
          save: async () => {
            if (made.refusal.state !== undefined) throw made.refusal.state;
          },
        },
        timer: time,
        log: quiet,
      },
      { ...blank("boot-1"), update },
    ),
    start: (runningVersion, bootId = "boot-2") =>
      wake(
        {
          journal: made.journal,
          clock: time,
          timer: time,
          log: quiet,
          trials: {
            read: async () => made.trials,
            write: async (count) => {
              if (made.refusal.trials !== undefined) throw made.refusal.trials;
              made.trials = count;
            },
          },
        },
        { bootId, runningVersion },
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
    const made = scene(update);
    await made.start("2.0.0");
    expect(made.trials).toBe(count);
  });

  it("turns back a new system that starts again and again without being proven", async () => {
    const made = scene(s.proving);
    const phases: string[] = [];
    for (let boot = 2; boot <= limits.trialBoots + 2; boot += 1) {
      await made.start("2.0.0", `boot-${boot}`);
      phases.push(made.journal.saved.update.phase);
    }
    expect(phases).toStrictEqual([...Array(limits.trialBoots).fill("proving"), "reverting"]);
    expect(made.journal.saved.update).toMatchObject({ error: { code: "restarts-too-often" } });
  });

  it.each(["trials", "state"] as const)(
    "waits for a disk that refuses the %s, and takes nothing up before",
    async (what) => {
      const made = scene(s.rebooting);
      made.refusal[what] = new Error("EROFS");
      let awake = false;
      const woken = made.start("2.0.0").then(() => (awake = true));
      await made.time.advance(3_600_000);
      expect([awake, made.journal.saved.update.phase]).toStrictEqual([false, "rebooting"]);
      made.refusal = {};
      await made.time.advance(10_000);
      await woken;
      expect(made.journal.saved.update.phase).toBe("proving");
      expect(made.trials).toBe(1);
    },
  );

  it("saves nothing when nothing has changed", async () => {
    const made = scene(s.completed);
    await made.start("2.0.0", "boot-1");
    await made.start("2.0.0", "boot-1");
    await settle();
    expect(made.journal.saved.seq).toBe(1); // The first start of all, which the next boot is told from.
  });
});
