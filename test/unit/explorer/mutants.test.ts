import { describe, expect, it } from "vitest";
import { forgetful, hasty, hopeful, innumerate, listening } from "../../explorer/mutants.ts";
import { scenarios } from "../../explorer/scenarios.ts";
import { explore } from "../../explorer/search.ts";
import type { Scenario } from "../../explorer/world.ts";

/** Saved by themselves, and once more in the next save, before anything is done that could not be done twice. */
const needless = new Set(["forgetful: rebooting, armed / idle", "forgetful: reverting, reverted / proven"]);

async function uncaught(scenario: Scenario): Promise<string[]> {
  const saves = new Set<string>();
  await explore(scenario, { mostFaults: 0, grain: { isFine: false, makeStateFile: listening(saves) } });
  const escaped: string[] = [];
  for (const save of saves) {
    for (const [name, makeStateFile] of Object.entries({ forgetful: forgetful(save), hasty: hasty(save) })) {
      const { violation } = await explore(scenario, { mostFaults: 1, grain: { isFine: false, makeStateFile } });
      if (violation === undefined) escaped.push(`${name}: ${save}`);
    }
  }
  return escaped;
}

describe("the explorer sees through an agent that leaves out a save, or acts before it", () => {
  it.each([scenarios.method, scenarios.service, scenarios.reboot])("$name", { timeout: 600_000 }, async (scenario) => {
    expect((await uncaught(scenario)).filter((one) => !needless.has(one))).toStrictEqual([]);
  });
});

describe("the explorer sees what only many faults bring to light", () => {
  it.each([
    ["counts no further than to two", innumerate, 2],
    ["does not save that it gives up", hopeful, 3],
  ])("an agent that %s", { timeout: 600_000 }, async (_what, makeStateFile, faults) => {
    const grain = { isFine: false, makeStateFile };
    const fewer = await explore(scenarios.nothingRestarts, { mostFaults: faults - 1, grain });
    const enough = await explore(scenarios.nothingRestarts, { mostFaults: faults, grain });
    expect([fewer.violation, enough.violation?.why]).toStrictEqual([undefined, expect.any(String)]);
  });
});
