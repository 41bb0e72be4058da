import { describe, expect, it } from "vitest";
import { scenarios } from "../../explorer/scenarios.ts";
import { violationIn } from "../../explorer/told.ts";
import { walked } from "../../explorer/walk.ts";

it("no scenario is left out", () => {
  expect(Object.values(scenarios).filter(({ name }) => !walked.has(name))).toStrictEqual([]);
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
