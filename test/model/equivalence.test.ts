import { describe, expect, it } from "vitest";
import { byDepth } from "../support/depth.ts";
import { differences, type Moment } from "./equivalence.ts";
import { mergedApart } from "./merges-told.ts";
import { scenarios } from "./scenarios.ts";
import { newWorld, type Scenario } from "./environment.ts";

const grain = { isFine: false };

/** Which scenarios, with how many faults, and which share of all merges. */
const { compared, mostFaults, every } = byDepth(
  { compared: [scenarios.method, scenarios.superseded, scenarios.rebootDuringUpdate], mostFaults: 1, every: 20 },
  { compared: Object.values(scenarios), mostFaults: 2, every: 40 },
);

describe("two moments that are taken for one go on alike", () => {
  it.each<Scenario>(compared)("$name", async (scenario) => {
    expect(await mergedApart(scenario, { mostFaults, grain }, every)).toStrictEqual([]);
  });

  it("which two that are not one do not", async () => {
    const at = (step: number): Moment => ({ world: newWorld(scenarios.method), choices: [], step });
    expect(await differences(scenarios.method, grain, [at(2), at(3)], 1)).not.toStrictEqual([]);
    expect(await differences(scenarios.method, grain, [at(2), at(2)], 1)).toStrictEqual([]);
  });
});
