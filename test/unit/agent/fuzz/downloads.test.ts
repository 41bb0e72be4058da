import { expect, it } from "vitest";
import { everyChange } from "../../../support/fuzz/counterexample.ts";
import { downloadProperties } from "../../../support/fuzz/downloads.ts";

it.each(Object.entries(downloadProperties))("%s", async (_name, search) => {
  expect(await search(everyChange)).toBeNull();
});
