import { expect, it } from "vitest";
import type { Transport } from "../support/azure-sdk.ts";
import { faultsOfBoards, rehearseAll, type RehearsedFault } from "../support/fault-rehearsal.ts";

/** All pairs of faults, each with its defaults. */
function pairs(): RehearsedFault[][] {
  const faults = faultsOfBoards().filter(({ parameters }) => parameters === undefined);
  return faults.flatMap((one, index) => faults.slice(index + 1).map((other) => [one, other]));
}

it.each<Transport>(["MQTT", "WebSockets"])(
  "a board recovers from any two faults at once, over %s",
  async (transport) => {
    const all = pairs();
    expect(await rehearseAll(all, transport)).toStrictEqual([]);
    process.stdout.write(`${all.length} pairs of faults over ${transport}: recovered from each\n`);
  },
);
