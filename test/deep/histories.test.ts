import { describe, expect, it } from "vitest";
import { scenarios } from "../explorer/scenarios.ts";
import { violationIn } from "../explorer/told.ts";

/* All histories of at most three faults, and those of two with every save and every call of the hub as a step of its own. */
describe("every history holds", () => {
  it.each(Object.values(scenarios))("$name, three faults", async (scenario) => {
    expect(await violationIn(scenario, { mostFaults: 3, grain: { isFine: false } })).toBe("");
  });

  it.each(Object.values(scenarios))("$name, two faults, where a disk refuses for a while", async (scenario) => {
    expect(await violationIn(scenario, { mostFaults: 2, grain: { isFine: false, refusalMs: 90_000 } })).toBe("");
  });

  it.each(Object.values(scenarios))("$name, two faults in the fine grain", async (scenario) => {
    expect(await violationIn(scenario, { mostFaults: 2, grain: { isFine: true } })).toBe("");
  });
});
