import { describe, expect, it } from "vitest";
import { scenarios } from "../../explorer/scenarios.ts";
import { explore } from "../../explorer/search.ts";
import { told } from "../../explorer/told.ts";

/*
 * Every history of at most so many faults: the production agent, whole, over a disk that forgets, a board that boots and a
 * hub that asks again. `scripts/test-deep` walks all of them with three faults, and in a finer grain.
 */
describe("every history holds", () => {
  it.each([
    [scenarios.rebootAtOnce, 3],
    [scenarios.reboot, 3],
    [scenarios.rebootCancelled, 3],
    [scenarios.rehearsal, 2],
    [scenarios.service, 3],
    [scenarios.method, 2],
    [scenarios.desired, 2],
    [scenarios.superseded, 2],
    [scenarios.manual, 2],
    [scenarios.deafService, 2],
    [scenarios.rebootDuringUpdate, 2],
  ])("$name", { timeout: 600_000 }, async (scenario, mostFaults) => {
    const found = await explore(scenario, { mostFaults, grain: { isFine: false } });
    process.stderr.write(told(found));
    expect(found.violation === undefined ? "" : told(found)).toBe("");
  });

  it.each([scenarios.method, scenarios.desired, scenarios.service])(
    "$name, in the fine grain",
    { timeout: 240_000 },
    async (scenario) => {
      const found = await explore(scenario, { mostFaults: 1, grain: { isFine: true } });
      process.stderr.write(told(found));
      expect(found.violation === undefined ? "" : told(found)).toBe("");
    },
  );
});
