import { describe, expect, it } from "vitest";
import type { Transport } from "../support/azure-sdk.ts";
import { faultsOfBoards, rehearseAll, type RehearsedFault } from "../support/fault-rehearsal.ts";

/** All pairs of faults, each with its defaults: for each fault, those with the ones after it. */
function pairs(): [string, RehearsedFault[][]][] {
  const faults = faultsOfBoards().filter(({ parameters }) => parameters === undefined);
  return faults.slice(0, -1).map((one, index) => [one.name, faults.slice(index + 1).map((other) => [one, other])]);
}

describe.each<Transport>(["MQTT", "WebSockets"])("over %s, a board recovers", (transport) => {
  it.each(pairs())("from %s and any other fault at once", async (_name, all) => {
    expect(await rehearseAll(all, transport)).toStrictEqual([]);
  });
});
