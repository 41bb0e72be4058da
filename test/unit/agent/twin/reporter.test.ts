import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../../agent/contract/json.ts";
import { mergePatch } from "../../../../agent/contract/twin-patch.ts";
import { Reporter } from "../../../../agent/twin/reporter.ts";
import { FakeTime, settle } from "../../../support/fake-time.ts";
import { quiet } from "../../../support/logs.ts";

/** A twin at the other end: acknowledges, or not, when the test says so. */
class FakeTwin {
  content: JsonObject;
  readonly patches: JsonObject[] = [];
  #pending: { patch: JsonObject; resolve: () => void; reject: (cause: Error) => void }[] = [];
  auto = true;

  constructor(content: JsonObject = {}) {
    this.content = content;
  }

  readonly send = (patch: JsonObject): Promise<void> => {
    this.patches.push(patch);
    if (this.auto) {
      this.content = mergePatch(this.content, patch);
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => this.#pending.push({ patch, resolve, reject }));
  };

  get inFlight(): number {
    return this.#pending.length;
  }

  acknowledge(): void {
    const next = this.#pending.shift();
    if (next === undefined) throw new Error("nothing is in flight");
    this.content = mergePatch(this.content, next.patch);
    next.resolve();
  }

  lose(): void {
    this.#pending.shift()?.reject(new Error("not acknowledged"));
  }
}

describe("the reporter", () => {
  it("sends the difference to what the twin holds, and nothing when there is none", async () => {
    const twin = new FakeTwin({ a: 1, old: "error", theirs: true });
    const reporter = new Reporter(quiet, new FakeTime());
    reporter.enqueue({ a: 1, b: 2, old: null }, "phase");
    reporter.connected(twin.content, twin.send);
    await reporter.flushed();
    reporter.enqueue({ a: 1, b: 2, old: null }, "phase");
    await reporter.flushed();
    expect(twin.patches).toStrictEqual([{ b: 2, old: null }]);
    expect(twin.content).toStrictEqual({ a: 1, b: 2, theirs: true });
  });

  it("sends every phase in its order, one patch in flight at a time", async () => {
    const twin = new FakeTwin();
    twin.auto = false;
    const reporter = new Reporter(quiet, new FakeTime());
    reporter.connected({}, twin.send);
    for (const phase of ["accepted", "downloading", "verifying"]) reporter.enqueue({ phase }, "phase");
    for (let count = 1; count <= 3; count += 1) {
      await settle();
      expect(twin.inFlight).toBe(1);
      twin.acknowledge();
    }
    await reporter.flushed();
    expect(twin.patches).toStrictEqual([{ phase: "accepted" }, { phase: "downloading" }, { phase: "verifying" }]);
  });

  it("lets newer progress and newer phases overtake progress that waits", async () => {
    const twin = new FakeTwin();
    const reporter = new Reporter(quiet, new FakeTime());
    reporter.enqueue({ phase: "downloading", bytes: 1 }, "phase");
    reporter.enqueue({ phase: "downloading", bytes: 2 }, "progress");
    reporter.enqueue({ phase: "downloading", bytes: 3 }, "progress");
    reporter.enqueue({ phase: "verifying", bytes: 4 }, "phase");
    reporter.connected({}, twin.send);
    await reporter.flushed();
    expect(twin.patches).toStrictEqual([
      { phase: "downloading", bytes: 1 },
      { phase: "verifying", bytes: 4 },
    ]);
  });

  it("keeps what was not acknowledged, and starts from what the twin really holds after a reconnect", async () => {
    const twin = new FakeTwin();
    twin.auto = false;
    const reporter = new Reporter(quiet, new FakeTime());
    reporter.connected({}, twin.send);
    reporter.enqueue({ phase: "accepted" }, "phase");
    reporter.enqueue({ phase: "downloading" }, "phase");
    await settle();
    twin.lose();
    await settle();
    expect(twin.inFlight).toBe(0); // It waits for a new connection instead of trying on this one.
    twin.auto = true;
    reporter.connected({ phase: "accepted" }, twin.send); // The lost patch had arrived after all.
    await reporter.flushed();
    expect(twin.patches).toStrictEqual([{ phase: "accepted" }, { phase: "downloading" }]);
  });

  it("does not take an answer on an old connection for one on the new", async () => {
    const old = new FakeTwin();
    old.auto = false;
    const fresh = new FakeTwin();
    const reporter = new Reporter(quiet, new FakeTime());
    reporter.connected({}, old.send);
    reporter.enqueue({ phase: "accepted" }, "phase");
    await settle();
    reporter.disconnected();
    reporter.connected({}, fresh.send);
    old.acknowledge();
    await reporter.flushed();
    expect(fresh.patches).toStrictEqual([{ phase: "accepted" }]);
  });

  it("settles only when all that was offered is acknowledged", async () => {
    const reporter = new Reporter(quiet, new FakeTime());
    let settled = false;
    reporter.enqueue({ a: 1 }, "phase");
    const waiting = reporter.flushed().then(() => (settled = true));
    await settle();
    expect(settled).toBe(false);
    reporter.connected({}, new FakeTwin().send);
    await waiting;
    expect(settled).toBe(true);
  });

  it("keeps the newest phases when the hub is away for very long", async () => {
    const twin = new FakeTwin();
    const reporter = new Reporter(quiet, new FakeTime());
    for (let count = 1; count <= 200; count += 1) reporter.enqueue({ count }, "phase");
    reporter.connected({}, twin.send);
    await reporter.flushed();
    expect(twin.patches.at(-1)).toStrictEqual({ count: 200 });
    expect(twin.patches.length).toBeLessThan(100);
  });

  it("tells when the hub has not taken a report for a minute", async () => {
    const twin = new FakeTwin();
    twin.auto = false;
    const time = new FakeTime();
    const reporter = new Reporter(quiet, time);
    reporter.connected({}, twin.send);
    reporter.enqueue({ phase: "accepted" }, "phase");
    await time.advance(3_600_000);
    expect(reporter.status).toMatchObject({ state: "waiting", message: expect.stringMatching(/3600 s/) as string });
    twin.acknowledge();
    await reporter.flushed();
    expect(reporter.status).toStrictEqual({ state: "complete" });
  });
});
