import { randomInt } from "node:crypto";
import { expect, it } from "vitest";
import { isDeep } from "../support/depth.ts";
import { atEachChange, atRandom, killBoards, killsDuringStart, type KillPlan } from "./kill-matrix.ts";
import type { KillScenarioName } from "./kill-scenarios.ts";

/** The states of a shallow run: all that a completed update does not pass, and most that it does. */
const chosen: Readonly<Record<KillScenarioName, readonly string[]>> = {
  completed: ["downloading", "staged", "applying", "rebooting", "proving", "completed"],
  neverBoots: ["rolledBack"],
  cannotReachHub: ["reverting"],
  wrongDigest: ["failed"],
  updateCancelled: ["downloading", "cancelled"],
  rebooted: ["scheduled", "proven"],
  rebootCancelled: ["cancelled"],
  rebootDuringUpdate: ["waiting"],
};

function isChosen({ scenario, first }: KillPlan): boolean {
  return typeof first === "object" && chosen[scenario].some((to) => first["to"] === to);
}

it("twenty kills, on every way an update and a reboot can take: each ends once, in the end that is right for it", async () => {
  const plans = [
    ...atEachChange().filter(isChosen),
    ...killsDuringStart.flatMap((again, index) => atRandom(1, index + 1, again)),
  ];
  const { jobs, kills, ends } = await killBoards(plans, 4);
  expect([jobs, kills]).toStrictEqual([18, 20]);
  expect(Object.keys(ends)).toHaveLength(8);
});

if (isDeep) {
  // Other moments each time; KILL_SEED brings those of an earlier run back, as far as real processes can be.
  const seed = Number(process.env["KILL_SEED"] ?? randomInt(2 ** 31));

  it("two hundred kills, at every change of state of every scenario, at random, twice in a row and during start-up: each ends once, in the end that is right for it", async () => {
    const plans = [
      ...atEachChange(),
      ...killsDuringStart.flatMap((again) => atEachChange(again)),
      ...atRandom(20, seed),
      ...killsDuringStart.flatMap((again, index) => atRandom(10, seed + 1 + index, again)),
    ];
    const result = await killBoards(plans, 4);
    process.stdout.write(`kills: KILL_SEED=${seed} ${JSON.stringify(result)}\n`);
    expect(result.kills).toBeGreaterThanOrEqual(200);
  });
}
