import { describe, expect, it } from "vitest";
import { isDeep } from "../support/depth.ts";
import {
  skippingBootCount,
  delayingBootCount,
  skippingSaveOfGivingUp,
  countingOnlyToTwo,
  falseReports,
  recordingBootCounts,
  findUndetected,
} from "./faulty-agents.ts";
import { scenarios } from "./scenarios.ts";
import { explore } from "./explore.ts";
import { attemptLimits } from "../../agent/update/machine.ts";

describe("the explorer sees through an agent that leaves out a save, or acts before it", () => {
  it.each([scenarios.method, scenarios.service, scenarios.reboot])("$name", async (scenario) => {
    expect(await findUndetected(scenario, 0, 1)).toStrictEqual([]);
  });
});

if (isDeep) {
  /** A rehearsal has nothing to commit: whether its proof is saved before it ends, or with its end, comes to the same. */
  const notNeededInDryRuns = ["skips: proving, proven / proven", "delays: proving, proven / proven"];

  describe("with two faults it sees through each agent that leaves out or puts off a save of any history of one fault", () => {
    it.each(Object.values(scenarios))("$name", async (scenario) => {
      const allowed = scenario === scenarios.dryRun ? notNeededInDryRuns : [];
      expect(await findUndetected(scenario, 1, 2)).toStrictEqual(allowed);
    });
  });
}

describe("the explorer sees through an agent that leaves out a count of starts on trial, or acts before it", () => {
  const scenario = scenarios.crashing;

  // The last is acted upon in the start that it counts; another start, after a crash before that, counts to it again.
  it("whichever it is, but for the last", async () => {
    const counts = new Set<number>();
    await explore(scenario, {
      maxFaults: 0,
      runOptions: { fineSteps: false, makeTrials: recordingBootCounts(counts) },
    });
    const escaped: number[] = [];
    for (const count of counts) {
      for (const makeTrials of [skippingBootCount(count), delayingBootCount(count)]) {
        const runOptions = { fineSteps: false, makeTrials };
        // That a history goes round in circles shows when all are walked: most do so without a fault.
        const { violation } = await explore(scenario, { maxFaults: 0, runOptions });
        const found = violation ?? (await explore(scenario, { maxFaults: 1, runOptions })).violation;
        if (found === undefined) escaped.push(count);
      }
    }
    const last = attemptLimits.trialBoots + 1;
    expect([counts.size, escaped]).toStrictEqual([last + 1, [last, last]]);
  });
});

describe("the explorer sees through a twin that is told a lie", () => {
  it.each(Object.entries(falseReports))("%s", async (_what, lie) => {
    const { violation } = await explore(scenarios.method, {
      maxFaults: 0,
      runOptions: { fineSteps: false, falseReport: lie },
    });
    expect(violation?.why).toContain("The twin was told what no saved state says");
  });
});

describe("the explorer sees what only many faults bring to light", () => {
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
