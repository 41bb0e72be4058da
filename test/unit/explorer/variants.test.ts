import { describe, expect, it } from "vitest";
import { scenarios } from "../../explorer/scenarios.ts";
import { violationIn } from "../../explorer/told.ts";

/* Apart from histories.test.ts so that both can be walked at once. */
describe("every history of two faults holds", () => {
  it.each([
    scenarios.method,
    scenarios.deafService,
    scenarios.desired,
    scenarios.superseded,
    scenarios.manual,
    scenarios.rehearsal,
    scenarios.rebootDuringUpdate,
  ])("$name", { timeout: 600_000 }, async (scenario) => {
    expect(await violationIn(scenario, { mostFaults: 2, grain: { isFine: false } })).toBe("");
  });
});

describe("every history of one fault holds in the fine grain", () => {
  it.each([scenarios.method, scenarios.desired, scenarios.service])("$name", { timeout: 240_000 }, async (scenario) => {
    expect(await violationIn(scenario, { mostFaults: 1, grain: { isFine: true } })).toBe("");
  });
});
