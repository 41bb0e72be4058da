import { expect, it } from "vitest";
import { atEachChange, atRandom, strike, twice } from "../support/kill-matrix.ts";

it("twenty kills, at every change of state, at random, twice in a row and during start-up: every update ends once", async () => {
  const blows = [
    ...atEachChange(),
    ...twice.flatMap((again, index) => atRandom(2, index + 1, again)),
    ...atRandom(2, 4),
  ];
  const { jobs, kills } = await strike(blows, 4);
  expect([jobs, kills]).toStrictEqual([16, 20]);
});
