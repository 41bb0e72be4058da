import { expect, it } from "vitest";
import { atEachChange, atRandom, strike, twice, type Blows } from "../support/kill-matrix.ts";
import type { JourneyName } from "../support/journeys.ts";

/** Some of the matrix of scripts/test-deep: every state that is not on the good way, and most of those that are. */
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
