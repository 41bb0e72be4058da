import { expect, it } from "vitest";
import { answerProperties } from "../../support/fuzz/answers.ts";
import { everyChange } from "../../support/fuzz/counterexample.ts";

it.each(Object.entries(answerProperties))("%s", async (_name, search) => {
  expect(await search(everyChange)).toBeNull();
});
