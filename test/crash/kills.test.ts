import { randomInt } from "node:crypto";
import { expect, it } from "vitest";
import { isDeep } from "../support/depth.ts";
import { atEachChange, atRandom, strike, twice, type Blows } from "./kill-matrix.ts";
import type { JourneyName } from "./kill-scenarios.ts";

/** Every state that is not on the good way, and most of those that are. */
const drawn: Readonly<Record<JourneyName, readonly string[]>> = {
  good: ["downloading", "staged", "applying", "rebooting", "proving", "completed"],
  dead: ["rolledBack"],
  deaf: ["reverting"],
  wrong: ["failed"],
  cancelled: ["downloading", "cancelled"],
  rebooted: ["scheduled", "proven"],
  kept: ["cancelled"],
  both: ["waiting"],
};

function isDrawn({ journey, first }: Blows): boolean {
  return typeof first === "object" && drawn[journey].some((to) => first["to"] === to);
}

it("twenty kills, on every way an update and a reboot can take: each ends once, in the end that is right for it", async () => {
  const blows = [...atEachChange().filter(isDrawn), ...twice.flatMap((again, index) => atRandom(1, index + 1, again))];
  const { jobs, kills, ends } = await strike(blows, 4);
  expect([jobs, kills]).toStrictEqual([18, 20]);
  expect(Object.keys(ends)).toHaveLength(8);
});

if (isDeep) {
  // Other moments each time; KILL_SEED brings those of an earlier run back, as far as real processes can be.
  const seed = Number(process.env["KILL_SEED"] ?? randomInt(2 ** 31));

  it("two hundred kills, at every change of state of every scenario, at random, twice in a row and during start-up: each ends once, in the end that is right for it", async () => {
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
}
