import { describe, expect, it } from "vitest";
import { isJsonObject, type Json, type JsonObject } from "../../../agent/contract/json.ts";
import type { UpdatePhase } from "../../../agent/contract/snapshot.ts";
import { mostReduced, reduceProperties } from "../../../agent/contract/twin-formats/reduced-properties.ts";
import { reportedProperties } from "../../../agent/contract/twin-formats/reported-properties.ts";
import { twinSize } from "../../../agent/contract/twin-size.ts";
import { ConnectionError } from "../../../agent/hub/connection-error.ts";
import { mergePatch } from "../../../agent/contract/twin-patch.ts";
import { Reporter } from "../../../agent/twin/reporter.ts";
import { FakeTime } from "../../support/fake-time.ts";
import { quiet } from "../../support/logs.ts";
import { snapshotWith } from "../../support/snapshots.ts";

const hour = 3_600_000;

/** A twin with a limit, as the hub has one: it counts what it is asked. */
class LimitedTwin {
  content: JsonObject;
  limitBytes: number;
  asked = 0;
  refusal: ConnectionError | undefined;
  refuses: (patch: JsonObject) => boolean = () => false;

  constructor(content: JsonObject, limitBytes: number) {
    this.content = content;
    this.limitBytes = limitBytes;
  }

  readonly send = (patch: JsonObject): Promise<void> => {
    this.asked += 1;
    if (this.refusal !== undefined) return Promise.reject(this.refusal);
    if (this.refuses(patch)) return Promise.reject(new ConnectionError("rejected", "report: the hub refused it (400)"));
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
    const before = twin.asked;
    await report("accepted");
    expect(reporter.status).toMatchObject({ state: "refused" });
    for (const phase of phases.slice(1)) await report(phase);
    const { asked } = twin;
    expect(asked).toBeLessThanOrEqual(before + 12);
    await report("completed");
    expect(twin.asked).toBe(asked);
    expect(reporter.status).toMatchObject({ state: "refused", reason: "report: the hub refused it (400)" });
    twin.refusal = undefined;
    await time.advance(hour);
    await report("verifying");
    expect(reporter.status).toStrictEqual({ state: "complete" });
    expect(twin.content).toMatchObject({ boardkeeper: { update: { phase: "verifying" } } });
  });

  it.each<[string, JsonObject]>([
    ["a new key", { boardkeeper: { board: { "eth0.100": "up" } } }],
    ["a value of a key that pollers wait for", { boardkeeper: { update: { version: "2.0.0-bad" } } }],
    ["two keys far from each other", { firmware: { "also bad": { deep: true } }, bad: 1 }],
  ])("of which %s is the cause, gets all the rest, at every phase", async (_what, bad) => {
    const { twin, reporter, content } = await twinRefusing(bad);
    for (const phase of phases) {
      reporter.enqueue(mergePatch(wholeOf(phase), bad), "phase");
      await reporter.flushed();
      expect(content()).toMatchObject({ firmwareStatus: statusOf(phase), boardkeeper: { update: { phase } } });
    }
    expect(reporter.status).toMatchObject({
      state: "reduced",
      leftOut: pathsOf(bad),
      reason: "report: the hub refused it (400)",
      message: `The hub refuses a part of the board's report, so the board leaves out ${pathsOf(bad).join(", ")}. Its answer: report: the hub refused it (400). See the agent's log: boardkeeper-agent logs`,
    });
    // Found once: after that, each phase costs one patch.
    expect(twin.asked).toBeLessThanOrEqual(1 + 2 * 12 + phases.length);
  });

  it("and takes the property once it has another value, and after an hour in any case", async () => {
    const bad = { boardkeeper: { update: { version: "2.0.0-bad" } } };
    const { twin, time, reporter, content } = await twinRefusing(bad);
    const report = async (target: JsonObject): Promise<void> => {
      reporter.enqueue(target, "phase");
      await reporter.flushed();
    };
    await report(mergePatch(wholeOf("accepted"), bad));
    expect(content()).toHaveProperty("boardkeeper.update.version", "2.0.0");
    expect(reporter.status).toMatchObject({ leftOut: ["boardkeeper.update.version"] });
    await report(wholeOf("downloading"));
    expect(content()).toHaveProperty("boardkeeper.update.version", "2.0.0");
    expect(reporter.status).toStrictEqual({ state: "complete" });
    await report(mergePatch(wholeOf("verifying"), bad));
    expect(reporter.status).toMatchObject({ state: "reduced" });
    twin.refuses = () => false;
    await time.advance(hour);
    await report(mergePatch(wholeOf("staged"), bad));
    expect(content()).toHaveProperty("boardkeeper.update.version", "2.0.0-bad");
    expect(reporter.status).toStrictEqual({ state: "complete" });
  });

  it("that is also full, is told which parts it does not take and gets what fits", async () => {
    const bad = { boardkeeper: { update: { version: "2.0.0-bad" } } };
    const { twin, reporter, content } = await twinRefusing(bad);
    twin.limitBytes = (levelSizes[2] ?? 0) + 10;
    reporter.enqueue(mergePatch(wholeOf("applying"), bad), "phase");
    await reporter.flushed();
    expect(content()).toMatchObject({ boardkeeper: { update: { phase: "applying" } } });
    expect(reporter.status).toMatchObject({
      state: "reduced",
      leftOut: expect.arrayContaining(["details", "boardkeeper.update.version"]) as string[],
    });
  });
});

/** The last keys of an object's values, with the way to them. */
function pathsOf(section: JsonObject, parent = ""): string[] {
  return Object.entries(section).flatMap(([key, value]) =>
    isJsonObject(value) ? pathsOf(value, `${parent}${key}.`) : [`${parent}${key}`],
  );
}

function statusOf(phase: UpdatePhase): Json | undefined {
  return wholeOf(phase)["firmwareStatus"];
}

/** An empty twin whose hub answers 400 to each patch that holds one of these properties with its value. */
async function twinRefusing(bad: JsonObject): Promise<{
  readonly twin: LimitedTwin;
  readonly time: FakeTime;
  readonly reporter: Reporter;
  readonly content: () => JsonObject;
}> {
  const twin = new LimitedTwin({}, 1_000_000);
  twin.refuses = (patch) =>
    pathsOf(bad).some((path) => JSON.stringify(valueAt(patch, path)) === JSON.stringify(valueAt(bad, path)));
  const time = new FakeTime();
  const reporter = new Reporter(quiet, time);
  reporter.connected(twin.content, twin.send);
  reporter.enqueue(wholeOf("idle"), "phase");
  await reporter.flushed();
  return { twin, time, reporter, content: () => twin.content };
}

/** The value at a path of `pathsOf`, whose keys may hold dots. */
function valueAt(section: JsonObject, path: string): Json | undefined {
  for (const [key, value] of Object.entries(section)) {
    if (path === key) return value;
    if (path.startsWith(`${key}.`) && isJsonObject(value)) return valueAt(value, path.slice(key.length + 1));
  }
  return undefined;
}
