import { describe, expect, it } from "vitest";
import { scenarios } from "../../explorer/scenarios.ts";
import { violationIn } from "../../explorer/told.ts";

/* Apart from histories.test.ts so that both can be walked at once. With three faults and all: `scripts/test-deep`. */
describe("every history holds", () => {
  it.each([
    [scenarios.service, 3],
    [scenarios.deafService, 3],
    [scenarios.superseded, 3],
    [scenarios.rehearsal, 3],
    [scenarios.rebootDuringUpdate, 2],
    [scenarios.nothingRestarts, 2],
    [scenarios.crashing, 1],
  ])("$name, at most %i faults", { timeout: 600_000 }, async (scenario, mostFaults) => {
    expect(await violationIn(scenario, { mostFaults, grain: { isFine: false } })).toBe("");
  });
});

/* For longer than a reboot that is due waits for the disk, or an installer for the count of starts. */
describe("every history of one fault holds where a disk that refuses does so for a while", () => {
  it.each(Object.values(scenarios))("$name", { timeout: 240_000 }, async (scenario) => {
    expect(await violationIn(scenario, { mostFaults: 1, grain: { isFine: false, refusalMs: 90_000 } })).toBe("");
  });
});

describe("every history of one fault holds in the fine grain", () => {
  it.each([scenarios.method, scenarios.desired, scenarios.service])("$name", { timeout: 240_000 }, async (scenario) => {
    expect(await violationIn(scenario, { mostFaults: 1, grain: { isFine: true } })).toBe("");
  });
});
