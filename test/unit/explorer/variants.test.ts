import { describe, expect, it } from "vitest";
import { scenarios } from "../../explorer/scenarios.ts";
import { violationIn } from "../../explorer/told.ts";

/* Apart from histories.test.ts so that both can be walked at once. With three faults and all: `scripts/test-deep`. */
describe("every history holds", () => {
  const walks = [
    { scenario: scenarios.service, mostFaults: 3 },
    { scenario: scenarios.deafService, mostFaults: 3 },
    { scenario: scenarios.superseded, mostFaults: 3 },
    { scenario: scenarios.rehearsal, mostFaults: 3 },
    { scenario: scenarios.rebootDuringUpdate, mostFaults: 2 },
    { scenario: scenarios.nothingRestarts, mostFaults: 2 },
    { scenario: scenarios.crashing, mostFaults: 1 },
  ];

  it.each(walks)(
    "$scenario.name, at most $mostFaults faults",
    { timeout: 600_000 },
    async ({ scenario, mostFaults }) => {
      expect(await violationIn(scenario, { mostFaults, grain: { isFine: false } })).toBe("");
    },
  );
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
