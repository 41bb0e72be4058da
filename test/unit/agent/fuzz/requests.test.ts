import { expect, it } from "vitest";
import { everyChange } from "../../../support/fuzz/counterexample.ts";
import { requestProperties } from "../../../support/fuzz/requests.ts";

it.each(Object.entries(requestProperties))("%s", async (_name, search) => {
  expect(await search(everyChange)).toBeNull();
});
