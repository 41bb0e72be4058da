import { expect, it } from "vitest";
import { everyChange } from "../../../support/fuzz/counterexample.ts";
import { remoteProperties } from "../../../support/fuzz/remote.ts";

it.each(Object.entries(remoteProperties))("%s", async (_name, search) => {
  expect(await search(everyChange)).toBeNull();
});
