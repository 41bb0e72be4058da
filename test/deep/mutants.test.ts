import { describe, expect, it } from "vitest";
import { scenarios } from "../explorer/scenarios.ts";
import { uncaught } from "../explorer/uncaught.ts";

/** A rehearsal has nothing to commit: whether its proof is saved before it ends, or with its end, comes to the same. */
const needlessInRehearsals = ["forgetful: proving, proven / proven", "hasty: proving, proven / proven"];

/* Each save that any history of one fault makes, left out or put off: an agent that does so is seen through with two faults. */
describe("the explorer sees through an agent that leaves out a save, or acts before it", () => {
  it.each(Object.values(scenarios))("$name", async (scenario) => {
    const allowed = scenario === scenarios.rehearsal ? needlessInRehearsals : [];
    expect(await uncaught(scenario, 1, 2)).toStrictEqual(allowed);
  });
});
