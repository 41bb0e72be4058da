import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WindowGate } from "../../../../agent/maintenance/window-gate.ts";
import type { BlockedBy } from "../../../../agent/maintenance/window.ts";
import { parseWindows, type MaintenanceWindow } from "../../../../agent/maintenance/window.ts";
import { FakeTime, settle } from "../../../support/fake-time.ts";
import { fakeRuntime } from "../../../support/fake-runtime.ts";

const [minuteMs, hourMs, dayMs] = [60_000, 3_600_000, 86_400_000];

function windows(...written: object[]): readonly MaintenanceWindow[] {
  const read = parseWindows(written.map((one) => Object.assign({ duration: "1h", splay: "0m" }, one)));
  if (!read.ok) throw new Error(read.problems.join("; "));
  return read.value;
}

class Waiter {
  readonly waits: BlockedBy[] = [];
  /** The wall clock's time at which the gate let through. */
  openedAt: string | undefined;
  failed: unknown;
  readonly abort = new AbortController();

  constructor(gate: WindowGate, time: FakeTime) {
    gate
      .untilOpen((wait) => this.waits.push(wait), this.abort.signal)
      .then(
        () => (this.openedAt = time.now().toISOString().slice(0, 16)),
        (cause: unknown) => (this.failed = cause),
      );
  }
}

function setup(start: string, of = windows({ cron: "0 2 * * *" }), share = 0): { time: FakeTime; gate: WindowGate } {
  const time = new FakeTime(start);
  return {
    time,
    gate: new WindowGate({ ...fakeRuntime({ time }), windows: () => of, splayFraction: share }),
  };
}

async function waiterIn(parts: ReturnType<typeof setup>): Promise<Waiter> {
  const waiter = new Waiter(parts.gate, parts.time);
  await parts.gate.status(); // The package is loaded once.
  await settle();
  return waiter;
}

describe("the gate of the windows", () => {
  it("lets through at once while a window is open", async () => {
    const waiter = await waiterIn(setup("2026-01-02T02:30:00.000Z"));
    expect(waiter).toMatchObject({ openedAt: "2026-01-02T02:30", waits: [] });
  });

  it("lets through when the next window opens, and says when that is", async () => {
    const parts = setup("2026-01-02T03:00:00.000Z");
    const waiter = await waiterIn(parts);
    expect(waiter.waits).toStrictEqual([{ kind: "closed", until: "2026-01-03T02:00:00.000Z" }]);
    await parts.time.advance(23 * hourMs - 1);
    expect(waiter.openedAt).toBeUndefined();
    await parts.time.advance(1);
    expect(waiter.openedAt).toBe("2026-01-03T02:00");
  });

  it("waits for the board's own part of the splay", async () => {
    const parts = setup("2026-01-02T03:00:00.000Z", windows({ cron: "0 2 * * *", splay: "40m" }), 0.5);
    const waiter = await waiterIn(parts);
    await parts.time.advance(dayMs);
    expect(waiter).toMatchObject({ openedAt: "2026-01-03T02:20" });
  });

  it("takes whichever of several windows comes first", async () => {
    const parts = setup(
      "2026-01-02T03:00:00.000Z",
      windows({ cron: "0 2 * * *" }, { cron: "0 22 * * fri" }, { cron: "0 9 * * sat" }),
    );
    const waiter = await waiterIn(parts);
    await parts.time.advance(dayMs);
    expect(waiter.openedAt).toBe("2026-01-02T22:00");
  });

  it("goes by the windows as they are now", async () => {
    let present = windows({ cron: "0 2 * * *" });
    const time = new FakeTime("2026-01-02T03:00:00.000Z");
    const gate = new WindowGate({ ...fakeRuntime({ time }), windows: () => present, splayFraction: 0 });
    const waiter = await waiterIn({ time, gate });
    present = [];
    await time.advance(minuteMs);
    expect(gate.isConfigured).toBe(false);
    expect(waiter.waits.at(-1)).toStrictEqual({ kind: "missing" });
    present = windows({ cron: "30 3 * * *" });
    await time.advance(minuteMs);
    await gate.status();
    await time.advance(hourMs);
    expect(waiter.openedAt).toBe("2026-01-02T03:30");
  });

  it("opens nothing before the clock is set, however long that takes", async () => {
    const parts = setup("1970-01-01T02:30:00.000Z");
    parts.time.isSynchronized = false;
    const waiter = await waiterIn(parts);
    await parts.time.advance(2 * dayMs);
    expect(waiter).toMatchObject({ openedAt: undefined, waits: expect.arrayContaining([{ kind: "clockUnknown" }]) });

    parts.time.stepWall(Date.parse("2026-11-21T01:00:00.000Z") - parts.time.now().getTime());
    parts.time.isSynchronized = true;
    await parts.time.advance(minuteMs);
    await parts.gate.status();
    await settle();
    expect(waiter.waits.at(-1)).toStrictEqual({ kind: "closed", until: "2026-11-21T02:00:00.000Z" });
    await parts.time.advance(hourMs);
    expect(waiter.openedAt).toBe("2026-11-21T02:00");
  });

  it.each([
    ["a day forward", dayMs, "2026-01-04T02:00"],
    ["a day back", -dayMs, "2026-01-02T02:00"],
    ["thirty days forward", 30 * dayMs, "2026-02-02T02:00"],
    ["thirty days back", -30 * dayMs, "2025-12-04T02:00"],
    ["into an open window", 23.5 * hourMs, "2026-01-03T02:32"],
    ["out of the minute before it opens", -dayMs + 22.9 * hourMs, "2026-01-02T02:00"],
  ])("a clock that steps %s does no harm", async (_what, stepMs, openedAt) => {
    const parts = setup("2026-01-02T03:00:30.000Z");
    const waiter = await waiterIn(parts);
    await parts.time.advance(minuteMs);
    parts.time.stepWall(stepMs);
    await parts.time.advance(dayMs);
    expect(waiter.openedAt).toBe(openedAt);
  });

  it("checks once a minute, whatever the clock does", async () => {
    const parts = setup("2026-01-02T03:00:00.000Z");
    const waiter = await waiterIn(parts);
    for (const step of [dayMs * 30, -dayMs, -dayMs * 30, dayMs * 400]) {
      parts.time.stepWall(step);
      await parts.time.advance(10 * minuteMs);
    }
    expect(waiter.waits.length).toBe(41);
    expect(parts.time.sleepers).toBe(1);
  });

  it("opens in a window by a clock that is set, and never otherwise, whatever the clock does", async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 6 * hourMs }) }),
      fc.record({ kind: fc.constant("step" as const), ms: fc.integer({ min: -40 * dayMs, max: 40 * dayMs }) }),
      fc.record({ kind: fc.constant("lose" as const) }),
      fc.record({ kind: fc.constant("set" as const), ms: fc.integer({ min: 0, max: 20 * 365 * dayMs }) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 25 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        async (steps, share) => {
          const parts = setup(
            "1970-01-01T00:00:00.000Z",
            windows({ cron: "0 2 * * *", duration: "90m", splay: "30m" }),
            share,
          );
          const { time, gate } = parts;
          time.isSynchronized = false;
          const opened: { readonly minutes: number; readonly isSynchronized: boolean }[] = [];
          const watch = new AbortController();
          const again = async (): Promise<void> => {
            for (;;) {
              await gate.untilOpen(() => undefined, watch.signal);
              const minutes =
                time.now().getUTCHours() * 60 + time.now().getUTCMinutes() + time.now().getUTCSeconds() / 60;
              opened.push({ minutes, isSynchronized: time.isSynchronized });
              await time.after(minuteMs, watch.signal);
            }
          };
          const watching = again().catch(() => undefined);
          await gate.status();
          for (const one of steps) {
            if (one.kind === "pass") await time.advance(one.ms);
            else if (one.kind === "step") time.stepWall(one.ms);
            else if (one.kind === "lose") time.isSynchronized = false;
            else {
              time.stepWall(Date.parse("2026-01-01T00:00:00Z") + one.ms - time.now().getTime());
              time.isSynchronized = true;
            }
          }
          watch.abort();
          await watching;
          for (const { minutes, isSynchronized } of opened) {
            expect(isSynchronized).toBe(true);
            expect(minutes).toBeGreaterThanOrEqual(120 + Math.floor(share * 30 * 60) / 60 - 1e-9);
            expect(minutes).toBeLessThan(210);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("ends with its signal, and waits no more", async () => {
    const parts = setup("2026-01-02T03:00:00.000Z");
    const waiter = await waiterIn(parts);
    waiter.abort.abort(new Error("enough"));
    await settle();
    expect(waiter.failed).toStrictEqual(new Error("enough"));
    expect(parts.time.sleepers).toBe(0);
  });
});
