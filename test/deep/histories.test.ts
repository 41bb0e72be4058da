import { describe, expect, it } from "vitest";
import { scenarios } from "../explorer/scenarios.ts";
import { violationIn } from "../explorer/told.ts";

/* Those of three faults are in scripts/test. */
describe("every history holds", () => {
  it.each(Object.values(scenarios))("$name, two faults, where a disk refuses for a while", async (scenario) => {
    expect(await violationIn(scenario, { mostFaults: 2, grain: { isFine: false, refusalMs: 90_000 } })).toBe("");
  });

  it.each(Object.values(scenarios))("$name, two faults in the fine grain", async (scenario) => {
    expect(await violationIn(scenario, { mostFaults: 2, grain: { isFine: true } })).toBe("");
  });
});
