import { describe, expect, it } from "vitest";
import { isDeep } from "../support/depth.ts";
import { faultsOfBoards, findUnrecovered, type HubFault } from "./hub-faults.ts";

const faults = faultsOfBoards();
const limitMs = 240_000;

/** Each fault together with one of another family: the list against itself, shifted by half its length. */
function covering(): HubFault[][] {
  const half = Math.ceil(faults.length / 2);
  return faults.slice(0, half).flatMap((fault, index) => {
    const other = faults[index + half];
    return other === undefined ? [] : [[fault, other]];
  });
}

/** All pairs of faults, each with its defaults: for each fault, those with the ones after it. */
function pairs(): [string, HubFault[][]][] {
  const plain = faults.filter(({ parameters }) => parameters === undefined);
  return plain.slice(0, -1).map((one, index) => [one.name, plain.slice(index + 1).map((other) => [one, other])]);
}

it("a board recovers from every fault that can come between it and its hub", { timeout: limitMs }, async () => {
  const alone = faults.map((fault) => [fault]);
  expect(alone.length).toBeGreaterThan(50);
  expect(await findUnrecovered(alone, "MQTT")).toStrictEqual([]);
});

it("a board recovers from two faults at once", { timeout: limitMs }, async () => {
  expect(await findUnrecovered(covering(), "WebSockets")).toStrictEqual([]);
});

if (isDeep) {
  describe.each(["MQTT", "WebSockets"] as const)("over %s, a board recovers", (transport) => {
    it.each(pairs())("from %s and any other fault at once", async (_name, all) => {
      expect(await findUnrecovered(all, transport)).toStrictEqual([]);
    });
  });
}
