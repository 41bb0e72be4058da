import { describe, expect, it } from "vitest";
import { byDepth } from "../support/depth.ts";
import { futureDifferences, type ReachedState } from "./equivalence.ts";
import { findWrongMerges } from "./check.ts";
import { scenarios } from "./scenarios.ts";
import { initialEnvironment, type Scenario } from "./environment.ts";

const runOptions = { fineSteps: false };

/** Which scenarios, with how many faults, and which share of all merges. */
const { compared, mostFaults, every } = byDepth(
  { compared: [scenarios.method, scenarios.superseded, scenarios.rebootDuringUpdate], mostFaults: 1, every: 20 },
  { compared: Object.values(scenarios), mostFaults: 2, every: 40 },
);

describe("two moments that are taken for one go on alike", () => {
  it.each<Scenario>(compared)("$name", async (scenario) => {
    expect(await findWrongMerges(scenario, { maxFaults: mostFaults, runOptions }, every)).toStrictEqual([]);
  });

  it("which two that are not one do not", async () => {
    const at = (step: number): ReachedState => ({
      environment: initialEnvironment(scenarios.method),
      injected: [],
      step,
    });
    expect(await futureDifferences(scenarios.method, runOptions, [at(2), at(3)], 1)).not.toStrictEqual([]);
    expect(await futureDifferences(scenarios.method, runOptions, [at(2), at(2)], 1)).toStrictEqual([]);
  });
});
