import { describe, expect, it } from "vitest";
import { byDepth } from "../support/depth.ts";
import { findViolation } from "./check.ts";
import type { Scenario } from "./environment.ts";
import { scenarios } from "./scenarios.ts";
import { walked } from "./histories.ts";

const all = Object.values<Scenario>(scenarios);
const mostFaults = byDepth(1, 2);

it("no scenario is left out", () => {
  expect(all.filter(({ name }) => !walked.has(name))).toStrictEqual([]);
});

/* For longer than a reboot that is due waits for the disk, or an installer for the count of starts. */
describe(`every history of at most ${mostFaults} faults holds where a disk that refuses does so for a while`, () => {
  it.each(all)("$name", async (scenario) => {
    expect(
      await findViolation(scenario, {
        maxFaults: mostFaults,
        runOptions: { fineSteps: false, writeFailureMs: 90_000 },
      }),
    ).toBe("");
  });
});

describe(`every history of at most ${mostFaults} faults holds in the fine runOptions`, () => {
  it.each(byDepth([scenarios.method, scenarios.desired, scenarios.service], all))("$name", async (scenario) => {
    expect(await findViolation(scenario, { maxFaults: mostFaults, runOptions: { fineSteps: true } })).toBe("");
  });
});
