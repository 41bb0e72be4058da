import { describe, expect, it } from "vitest";
import { mergedApart } from "../../explorer/merges-told.ts";
import { scenarios } from "../../explorer/scenarios.ts";
import { differences, type Moment } from "../../explorer/merges.ts";
import { newWorld } from "../../explorer/world.ts";

const grain = { isFine: false };

/* The same for two faults and every scenario: `scripts/test-deep merges`. */
describe("two moments that are taken for one go on alike", () => {
  it.each([scenarios.method, scenarios.superseded, scenarios.rebootDuringUpdate])(
    "$name",
    { timeout: 240_000 },
    async (scenario) => {
      expect(await mergedApart(scenario, { mostFaults: 1, grain }, 20)).toStrictEqual([]);
    },
  );

  it("which two that are not one do not", async () => {
    const at = (step: number): Moment => ({ world: newWorld(scenarios.method), choices: [], step });
    expect(await differences(scenarios.method, grain, [at(2), at(3)], 1)).not.toStrictEqual([]);
    expect(await differences(scenarios.method, grain, [at(2), at(2)], 1)).toStrictEqual([]);
  });
});
