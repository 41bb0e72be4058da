import { describe, expect, it } from "vitest";
import { isDeep } from "../support/depth.ts";
import {
  skippingBootCount,
  delayingBootCount,
  skippingSaveOfGivingUp,
  countingOnlyToTwo,
  falseReports,
  forgettingLease,
  recordingBootCounts,
  findUndetected,
} from "./faulty-agents.ts";
import { scenarios } from "./scenarios.ts";
import { jobWith, states } from "../support/updates.ts";
import { initialState } from "../../agent/operations/agent-state.ts";
import { step } from "../../agent/update/machine.ts";
import type { UpdateState } from "../../agent/update/job.ts";
import { startBy, type ClockState } from "./clock-state.ts";
import type { BoardState } from "./board-state.ts";
import { checkLease, observeSave } from "./invariants.ts";
import { Violation } from "./observations.ts";
import { initialEnvironment, type Scenario } from "./environment.ts";
import type { RunOptions } from "./scheduler.ts";
import { explore } from "./explore.ts";
import { attemptLimits } from "../../agent/update/machine.ts";

describe("an agent that skips a save, or acts before it, is caught", () => {
  it.each([scenarios.method, scenarios.service, scenarios.reboot])("$name", async (scenario) => {
    expect(await findUndetected(scenario, 0, 1)).toStrictEqual([]);
  });
});

if (isDeep) {
  /** A dry run commits nothing: whether its health is saved before it ends, or with its end, is the same. */
  const notNeededInDryRuns = ["skips: proving, proven / proven", "delays: proving, proven / proven"];

  describe("an agent that skips or delays any save of a history with one fault is caught with two", () => {
    it.each(Object.values<Scenario>(scenarios).filter(({ viaHelper }) => viaHelper !== true))(
      "$name",
      async (scenario) => {
        const allowed = scenario === scenarios.dryRun ? notNeededInDryRuns : [];
        expect(await findUndetected(scenario, 1, 2)).toStrictEqual(allowed);
      },
    );
  });
}

describe("an agent that skips a value of the boot counter, or acts before it, is caught", () => {
  const scenario = scenarios.crashing;

  // The last value is acted upon in the boot that it counts; another boot, after a crash before that, counts to it again.
  it("with each value except the last", async () => {
    const counts = new Set<number>();
    await explore(scenario, {
      maxFaults: 0,
      runOptions: { fineSteps: false, makeTrials: recordingBootCounts(counts) },
    });
    const escaped: number[] = [];
    for (const count of counts) {
      for (const makeTrials of [skippingBootCount(count), delayingBootCount(count)]) {
        const runOptions = { fineSteps: false, makeTrials };
        // That a history goes round in circles shows when all are explored: most do so without a fault.
        const { violation } = await explore(scenario, { maxFaults: 0, runOptions });
        const found = violation ?? (await explore(scenario, { maxFaults: 1, runOptions })).violation;
        if (found === undefined) escaped.push(count);
      }
    }
    const last = attemptLimits.trialBoots + 1;
    expect([counts.size, escaped]).toStrictEqual([last + 1, [last, last]]);
  });
});

/** What a check complains of; undefined where it does not. */
function violationOf(check: () => void): string | undefined {
  try {
    check();
    return undefined;
  } catch (thrown) {
    return thrown instanceof Violation ? thrown.message : "another error";
  }
}

describe("an agent that does not keep to a lease is caught", () => {
  it.each<[mistake: string, scenario: Scenario, faults: number, options: Partial<RunOptions>, why: string]>([
    ["forgets it when it saves", scenarios.lease, 0, { makeStateFile: forgettingLease }, "update.startBy is"],
    [
      "reads the clock at its start alone",
      scenarios.lease,
      1,
      { clockMistake: "read at the start alone" },
      "op-1 was begun after its time to begin had passed.",
    ],
    [
      "takes a clock that nothing has set for a right one",
      scenarios.leaseWithoutClock,
      0,
      { clockMistake: "not asked whether it is set" },
      "agent.clockSynchronized is true",
    ],
  ])("where it %s", async (_mistake, scenario, maxFaults, options, why) => {
    const { violation } = await explore(scenario, { maxFaults, runOptions: { fineSteps: false, ...options } });
    expect(violation?.why).toContain(why);
  });

  const { applying, staged } = states(jobWith({ startBy }));
  const expired = step(staged, { type: "leaseExpired", at: startBy }) ?? staged;
  const early = "op-1 was cancelled before its time to begin had passed.";
  it.each<[what: string, clock: Partial<ClockState>, update: UpdateState, why: string | undefined]>([
    ["begun in time", {}, applying, undefined],
    [
      "begun by a clock that nothing has set",
      { isSet: false },
      applying,
      "op-1 was begun while nothing had set the clock.",
    ],
    ["begun too late", { isLeaseExpired: true }, applying, "op-1 was begun after its time to begin had passed."],
    ["cancelled when its time has passed", { isLeaseExpired: true, isTooLate: true }, expired, undefined],
    ["cancelled too soon", {}, expired, early],
    ["cancelled by a clock that nothing has set", { isSet: false, isTooLate: true }, expired, early],
  ])("where an update is %s", (_what, clock, update, why) => {
    const environment = initialEnvironment(scenarios.lease);
    const now = { ...environment, clock: { ...environment.clock, ...clock } };
    expect(violationOf(() => checkLease(now, { ...initialState("boot-1"), update }))).toBe(why);
  });
});

describe("an update that was cancelled, and armed all the same, is caught", () => {
  const { cancelled } = states();
  const slots = { a: "1.0.0", b: "2.0.0" };
  it.each<[what: string, board: Partial<BoardState>, why: string | undefined]>([
    ["written alone", { slots }, undefined],
    ["on trial", { slots, trial: "b" }, "op-1 was cancelled, and a slot is on trial."],
    ["the default", { slots, default: "b" }, "op-1 was cancelled, and 2.0.0 boots by default."],
    ["running", { slots, running: "b" }, "op-1 was cancelled, and 2.0.0 runs."],
  ])("where the new system is %s", (_what, board, why) => {
    const environment = initialEnvironment(scenarios.method);
    const now = { ...environment, board: { ...environment.board, ...board } };
    expect(violationOf(() => observeSave(now, { ...initialState("boot-1"), update: cancelled }))).toBe(why);
  });
});

describe("a false report to the twin is caught", () => {
  it.each(Object.entries(falseReports))("%s", async (_what, lie) => {
    const { violation } = await explore(scenarios.method, {
      maxFaults: 0,
      runOptions: { fineSteps: false, falseReport: lie },
    });
    expect(violation?.why).toContain("The twin says what no saved state says");
  });
});

describe("an agent whose mistake shows only after several faults is caught with as many", () => {
  it.each([
    ["counts no further than to two", countingOnlyToTwo, 2],
    ["does not save that it gives up", skippingSaveOfGivingUp, 3],
  ])("an agent that %s", async (_what, makeStateFile, faults) => {
    const runOptions = { fineSteps: false, makeStateFile };
    const scenario = { ...scenarios.nothingRestarts, cancel: undefined, nextDesired: undefined };
    const fewer = await explore(scenario, { maxFaults: faults - 1, runOptions });
    const enough = await explore(scenario, { maxFaults: faults, runOptions });
    expect([fewer.violation, enough.violation?.why]).toStrictEqual([undefined, expect.any(String)]);
  });
});
