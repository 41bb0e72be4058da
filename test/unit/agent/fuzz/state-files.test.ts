import { expect, it } from "vitest";
import { everyChange } from "../../../support/fuzz/counterexample.ts";
import { stateProperties } from "../../../support/fuzz/state-files.ts";

it.each(Object.entries(stateProperties))("%s", async (_name, search) => {
  expect(await search(everyChange)).toBeNull();
});
