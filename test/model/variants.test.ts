import { describe, expect, it } from "vitest";
import { byDepth } from "../support/depth.ts";
import { findViolation } from "./check.ts";
import type { Scenario } from "./environment.ts";
import { explored } from "./histories.ts";
import { scenarios } from "./scenarios.ts";

const all = Object.values<Scenario>(scenarios);
/** A helper changes nothing of how the agent saves. */
const withoutHelper = all.filter(({ viaHelper }) => viaHelper !== true);
const maxFaults = byDepth(1, 2);

it("every scenario is explored by a file of histories/", () => {
  expect(all.filter((scenario) => !explored.has(scenario))).toStrictEqual([]);
});

/* Longer than a reboot that is due waits for the disk, and than an update waits for the boot counter. */
describe(`every history of at most ${maxFaults} faults holds where a failing disk fails for 90 s`, () => {
  it.each(withoutHelper)("$name", async (scenario) => {
    const runOptions = { fineSteps: false, writeFailureMs: 90_000 };
    expect(await findViolation(scenario, { maxFaults, runOptions })).toBe("");
  });
});

describe(`every history of at most ${maxFaults} faults holds where each save and each call of the hub is a step`, () => {
  it.each(byDepth([scenarios.method, scenarios.desired, scenarios.service], withoutHelper))(
    "$name",
    async (scenario) => {
      expect(await findViolation(scenario, { maxFaults, runOptions: { fineSteps: true } })).toBe("");
    },
  );
});
