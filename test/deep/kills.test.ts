import { randomInt } from "node:crypto";
import { expect, it } from "vitest";
import { atEachChange, atRandom, strike, twice } from "../support/kill-matrix.ts";

// Other moments each time; KILL_SEED brings those of an earlier run back, as far as real processes can be.
const seed = Number(process.env["KILL_SEED"] ?? randomInt(2 ** 31));

it("two hundred kills, at every change of state of every journey, at random, twice in a row and during start-up: each ends once, in the end that is right for it", async () => {
  const blows = [
    ...atEachChange(),
    ...twice.flatMap((again) => atEachChange(again)),
    ...atRandom(20, seed),
    ...twice.flatMap((again, index) => atRandom(10, seed + 1 + index, again)),
  ];
  const struck = await strike(blows, 4);
  process.stdout.write(`kills: KILL_SEED=${seed} ${JSON.stringify(struck)}\n`);
  expect(struck.kills).toBeGreaterThanOrEqual(200);
});
