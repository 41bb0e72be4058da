import { describe, expect, it } from "vitest";
import { remove, syncFolder, type DiskState } from "./disk-state.ts";
import { initialEnvironment, type Environment } from "./environment.ts";
import { explore } from "./explore.ts";
import { faultyHelpers } from "./faulty-helpers.ts";
import { checkHelper } from "./helper-invariants.ts";
import { trustFolder } from "./helper-state.ts";
import { scenarios } from "./scenarios.ts";

describe("a helper of root's with a mistake is caught", () => {
  it.each(faultyHelpers)("one that %s, with %d faults", async (_mistake, maxFaults, why, makeHelper) => {
    const { violation } = await explore(scenarios.helper, { maxFaults, runOptions: { fineSteps: false, makeHelper } });
    expect(violation?.why).toContain(why);
  });
});

describe("what a board with a helper must never lose", () => {
  const environment = initialEnvironment(scenarios.helper);
  const { disk, board } = environment;
  const gone = (...names: readonly string[]): DiskState =>
    names.reduce((left, name) => remove(left, `${trustFolder}/${name}`), disk);
  it.each<[what: string, change: Partial<Environment>, why: string]>([
    ["the floor", { disk: gone("record.json", "record.copy.json") }, "The floor fell from 1 to 0."],
    ["metadata", { disk: syncFolder(gone("metadata.json"), trustFolder) }, "Metadata 1 was stored, and now 0."],
    [
      "the system that was committed last",
      { board: { ...board, slots: { a: "2.0.0", b: "2.0.0" } } },
      "1.0.0, which was committed last, is gone: no way back.",
    ],
  ])("%s", (_what, change, why) => {
    expect(() => checkHelper({ ...environment, ...change })).toThrow(why);
    expect(checkHelper(environment)).toBe(environment.helper);
  });
});
