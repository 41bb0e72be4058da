import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../../agent/contract/json.ts";
import type { UpdatePhase } from "../../../../agent/contract/snapshot.ts";
import { mostReduced, reduceProperties } from "../../../../agent/contract/twin-formats/reduced-properties.ts";
import { reportedProperties } from "../../../../agent/contract/twin-formats/reported-properties.ts";
import { twinSize } from "../../../../agent/contract/twin-size.ts";
import { ConnectionError } from "../../../../agent/hub/connection-error.ts";
import { mergePatch } from "../../../../agent/contract/twin-patch.ts";
import { Reporter } from "../../../../agent/twin/reporter.ts";
import { FakeTime, settle } from "../../../support/fake-time.ts";
import { snapshotWith } from "../../../support/snapshots.ts";
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
});

const hour = 3_600_000;

/** A twin with a limit, as the hub has one: it counts what it is asked. */
class LimitedTwin {
  content: JsonObject;
  limitBytes: number;
  asked = 0;
  refusal: ConnectionError | undefined;

  constructor(content: JsonObject, limitBytes: number) {
    this.content = content;
    this.limitBytes = limitBytes;
  }

  readonly send = (patch: JsonObject): Promise<void> => {
    this.asked += 1;
    if (this.refusal !== undefined) return Promise.reject(this.refusal);
    const merged = mergePatch(this.content, patch);
    if (twinSize(merged) > this.limitBytes)
      return Promise.reject(new ConnectionError("twin-full", "report: too large"));
    this.content = merged;
    return Promise.resolve();
  };
}

const phases = ["accepted", "downloading", "verifying", "staged", "applying"] as const;
const wholeOf = (phase: UpdatePhase): JsonObject =>
  reportedProperties(
    snapshotWith({ phase, operationId: "op-1", version: "2.0.0", times: { accepted: "2026-01-02T03:00:00.000Z" } }),
  );
const foreign = { theirs: "x".repeat(20_000) };

interface FullTwin {
  readonly twin: LimitedTwin;
  readonly time: FakeTime;
  readonly reporter: Reporter;
  readonly report: (phase: UpdatePhase) => Promise<void>;
}

/** @param roomBytes what other software has left of the twin */
async function fullTwin(roomBytes: number): Promise<FullTwin> {
  const twin = new LimitedTwin(foreign, twinSize(foreign) + roomBytes);
  const time = new FakeTime();
  const reporter = new Reporter(quiet, time);
  const report = async (phase: UpdatePhase): Promise<void> => {
    reporter.enqueue(wholeOf(phase), "phase");
    await reporter.flushed();
  };
  reporter.connected(twin.content, twin.send);
  await report("idle");
  return { twin, time, reporter, report };
}

/** The size of the largest report at each level: one phase has longer words than another. */
const levelSizes = [0, 1, 2, 3, mostReduced].map((level) =>
  Math.max(...phases.map((phase) => twinSize(mergePatch({}, reduceProperties(wholeOf(phase), level))))),
);

describe("a twin that other software has filled", () => {
  it("gets less room at each step, and the words that pollers wait for at the last", () => {
    expect(levelSizes).toStrictEqual([...new Set(levelSizes)].toSorted((a, b) => b - a));
    expect(reduceProperties(wholeOf("applying"), mostReduced)).toMatchObject({
      firmwareStatus: "applying",
      iothubDM: { firmwareUpdate: { status: "applying" } },
      firmware: { fwUpdateStatus: "applying", currentFwVersion: "1.0.0", pendingFwVersion: "2.0.0" },
      boardkeeper: {
        firmwareVersion: "1.0.0",
        board: null,
        update: { phase: "applying", operationId: "op-1", version: "2.0.0" },
      },
    });
  });

  it.each([1, 2, 3, mostReduced])("still says each phase where only reduction %i fits", async (level) => {
    const { twin, reporter, report } = await fullTwin((levelSizes[level] ?? 0) + 10);
    for (const phase of phases) {
      await report(phase);
      expect(twin.content).toMatchObject({ ...foreign, boardkeeper: { update: { phase } } });
    }
    expect(reporter.status).toMatchObject({
      state: "reduced",
      message: expect.stringMatching(/twin is full/) as string,
    });
    // Each phase once, and what was refused before it became known.
    expect(twin.asked).toBeLessThanOrEqual(1 + phases.length + 2 * level);
  });

  it("is asked no more once nothing fits, and gets everything when there is room", async () => {
    const { twin, time, reporter, report } = await fullTwin(10);
    const { asked } = twin;
    for (const phase of phases) await report(phase);
    expect(twin.asked).toBe(asked);
    expect(reporter.status).toMatchObject({ state: "refused" });
    for (let day = 0; day < 4; day += 1) {
      await time.advance(6 * hour);
      reporter.reread(twin.content);
      await report("applying");
    }
    expect(twin.asked).toBeLessThanOrEqual(asked + 1 + 4 * 5);
    twin.content = {};
    reporter.reread(twin.content);
    await report("applying");
    expect(twin.content).toStrictEqual(mergePatch({}, wholeOf("applying")));
    expect(reporter.status).toStrictEqual({ state: "complete" });
  });

  it("gets everything with a change an hour later, without having been read", async () => {
    const { twin, time, report } = await fullTwin((levelSizes[1] ?? 0) + 10);
    twin.limitBytes *= 2;
    await report("accepted");
    expect(twin.content).not.toHaveProperty("boardkeeper.board");
    await time.advance(hour);
    await report("downloading");
    expect(twin.content).toHaveProperty("boardkeeper.board.arch");
  });

  it("is not tried again with the same size on the next connection", async () => {
    const { twin, reporter, report } = await fullTwin(10);
    const { asked } = twin;
    reporter.disconnected();
    reporter.connected(twin.content, twin.send);
    await report("accepted");
    expect(twin.asked).toBe(asked);
  });
});

describe("a hub that refuses a report for another reason", () => {
  it("is named, holds nothing back, and is asked again later", async () => {
    const { twin, time, reporter, report } = await fullTwin(10_000);
    twin.refusal = new ConnectionError("rejected", "report: the hub refused it (400)");
    await report("accepted");
    const { asked } = twin;
    await report("downloading");
    expect(twin.asked).toBe(asked);
    expect(reporter.status).toMatchObject({ state: "refused", reason: "report: the hub refused it (400)" });
    twin.refusal = undefined;
    await time.advance(hour);
    await report("verifying");
    expect(reporter.status).toStrictEqual({ state: "complete" });
    expect(twin.content).toMatchObject({ boardkeeper: { update: { phase: "verifying" } } });
  });

  it("or that does not answer at all does not look like one that has taken it", async () => {
    const twin = new FakeTwin();
    twin.auto = false;
    const time = new FakeTime();
    const reporter = new Reporter(quiet, time);
    reporter.connected({}, twin.send);
    reporter.enqueue({ phase: "accepted" }, "phase");
    await time.advance(hour);
    expect(reporter.status).toMatchObject({ state: "waiting", message: expect.stringMatching(/3600 s/) as string });
    twin.acknowledge();
    await reporter.flushed();
    expect(reporter.status).toStrictEqual({ state: "complete" });
  });
});
