import { expect, it } from "vitest";
import { busyProperties } from "../../../support/fuzz/busy-boards.ts";
import { everyChange } from "../../../support/fuzz/counterexample.ts";

it.each(Object.entries(busyProperties))("%s", async (_name, search) => {
  expect(await search(everyChange)).toBeNull();
});
