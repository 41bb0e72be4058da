import { describe, expect, it } from "vitest";
import { mergedApart } from "../explorer/merges-told.ts";
import { scenarios } from "../explorer/scenarios.ts";

/* The explorer takes moments for one that differ in what decides nothing. A sample of these goes on both ways. */
describe("two moments that are taken for one go on alike", () => {
  it.each(Object.values(scenarios))("$name, two faults", async (scenario) => {
    expect(await mergedApart(scenario, { mostFaults: 2, grain: { isFine: false } }, 40)).toStrictEqual([]);
  });
});
