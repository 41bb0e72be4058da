import { expect, it } from "vitest";
import { everyChange } from "../../../support/fuzz/counterexample.ts";
import { configProperties } from "../../../support/fuzz/configs.ts";

it.each(Object.entries(configProperties))("%s", async (_name, search) => {
  expect(await search(everyChange)).toBeNull();
});
