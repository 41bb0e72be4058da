import { expect, it } from "vitest";
import { faultsOfBoards, rehearseAll, type RehearsedFault } from "../../support/fault-rehearsal.ts";

const faults = faultsOfBoards();
const limitMs = 240_000;

/** Each fault together with one of another family: the list against itself, shifted by half its length. */
function covering(): RehearsedFault[][] {
  const half = Math.ceil(faults.length / 2);
  return faults.slice(0, half).flatMap((fault, index) => {
    const other = faults[index + half];
    return other === undefined ? [] : [[fault, other]];
  });
}

it("a board recovers from every fault that can come between it and its hub", { timeout: limitMs }, async () => {
  const alone = faults.map((fault) => [fault]);
  expect(alone.length).toBeGreaterThan(50);
  expect(await rehearseAll(alone, "MQTT")).toStrictEqual([]);
});

it("a board recovers from two faults at once", { timeout: limitMs }, async () => {
  expect(await rehearseAll(covering(), "WebSockets")).toStrictEqual([]);
});
