import { describe, expect, it } from "vitest";
import { byDepth } from "../support/depth.ts";
import { futureDifferences, type ReachedState } from "./equivalence.ts";
import { findWrongMerges } from "./check.ts";
import { scenarios } from "./scenarios.ts";
import { initialEnvironment, type Scenario } from "./environment.ts";

const runOptions = { fineSteps: false };

/** Which scenarios, with how many faults, and which share of all merges. */
const { compared, maxFaults, every } = byDepth(
  { compared: [scenarios.method, scenarios.superseded, scenarios.rebootDuringUpdate], maxFaults: 1, every: 20 },
  { compared: Object.values(scenarios), maxFaults: 2, every: 40 },
);

describe("merged states have the same future", () => {
  it.each<Scenario>(compared)("$name", async (scenario) => {
    expect(await findWrongMerges(scenario, { maxFaults, runOptions }, every)).toStrictEqual([]);
  });

  it("two states that are not one have not", async () => {
    const at = (step: number): ReachedState => ({
      environment: initialEnvironment(scenarios.method),
      injected: [],
      step,
    });
    expect(await futureDifferences(scenarios.method, runOptions, [at(2), at(3)], 1)).not.toStrictEqual([]);
    expect(await futureDifferences(scenarios.method, runOptions, [at(2), at(2)], 1)).toStrictEqual([]);
  });
});
