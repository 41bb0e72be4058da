import { describe, expect, it } from "vitest";
import { scenarios } from "../../explorer/scenarios.ts";
import { violationIn } from "../../explorer/told.ts";

/*
 * Every history of at most three faults: the production agent, whole, over a disk that forgets, a board that boots and a
 * hub that asks again. More of them: variants.test.ts.
 */
describe("every history of three faults holds", () => {
  it.each([
    scenarios.rebootAtOnce,
    scenarios.reboot,
    scenarios.rebootCancelled,
    scenarios.method,
    scenarios.desired,
    scenarios.manual,
  ])("$name", { timeout: 600_000 }, async (scenario) => {
    expect(await violationIn(scenario, { mostFaults: 3, grain: { isFine: false } })).toBe("");
  });
});
