import { describe, expect, it } from "vitest";
import { Faults } from "../../../../../service-tools/local-hub/faults/faults.ts";
import { InvalidFault } from "../../../../../service-tools/local-hub/faults/request.ts";
import type { Location } from "../../../../../service-tools/local-hub/faults/fault-kind.ts";
import { silentLog } from "../../../../../service-tools/local-hub/lib/log.ts";
import { ManualClock } from "../../../../support/manual-clock.ts";

const board: Location = { endpoints: ["mqtt"], target: { deviceId: "board-1" } };

function setUp(): { faults: Faults; clock: ManualClock } {
  const clock = new ManualClock();
  return { faults: new Faults(clock, silentLog), clock };
}

describe("a fault", () => {
  it("acts until it is ended", async () => {
    const { faults } = setUp();
    const fault = faults.add("desired-lost");
    expect([faults.triggerOnce("desired-lost", board), faults.triggerOnce("desired-lost", board)]).toEqual([{}, {}]);
    await fault.end();
    expect([faults.triggerOnce("desired-lost", board), fault.hits, fault.state]).toEqual([undefined, 2, "over"]);
  });

  it("acts as often as it should", () => {
    const { faults } = setUp();
    faults.add("connack-refused", { code: 4 }, { times: 1 });
    expect(faults.triggerOnce("connack-refused", board)).toEqual({ code: 4 });
    expect(faults.triggerOnce("connack-refused", board)).toBeUndefined();
    expect(faults.noneActive).toBe(true);
  });

  it("waits, and lasts for a time", () => {
    const { faults, clock } = setUp();
    const fault = faults.add("desired-lost", {}, { afterMs: 10, forMs: 5 });
    const states = [0, 9, 1, 4, 1].map((ms) => {
      clock.advance(ms);
      return fault.state;
    });
    expect(states).toEqual(["waiting", "waiting", "on", "on", "over"]);
    expect(clock.pending()).toBe(0);
  });

  it("that is cleared while it waits never begins", async () => {
    const { faults, clock } = setUp();
    const fault = faults.add("desired-lost", {}, { afterMs: 10 });
    await faults.clear();
    clock.advance(20);
    expect([fault.state, faults.list(), clock.pending()]).toEqual(["over", [], 0]);
  });

  it("acts before a later one of its kind, which follows it", () => {
    const { faults } = setUp();
    faults.add("connack-refused", { code: 4 }, { times: 1 });
    faults.add("connack-refused", { code: 3 });
    const codes = [1, 2, 3].map(() => faults.triggerOnce("connack-refused", board)?.code);
    expect(codes).toEqual([4, 3, 3]);
  });

  it("stays on the connections that it acts on, and takes no more than so many", async () => {
    const { faults } = setUp();
    const [first, second] = [{}, {}];
    const fault = faults.add("latency", {}, { times: 1 });
    const held = [first, second, first].map((one) => faults.activeFor("latency", one, board) !== undefined);
    expect([held, fault.hits, fault.state]).toEqual([[true, false, true], 1, "on"]);
    await fault.end();
    expect(faults.activeFor("latency", first, board)).toBeUndefined();
  });

  it("resolves waits when it has its hits, and rejects them when it never will", async () => {
    const { faults } = setUp();
    const fault = faults.add("desired-lost", {}, { times: 2 });
    const [twice, thrice] = [fault.waitForHits(2), fault.waitForHits(3)];
    faults.triggerOnce("desired-lost", board);
    faults.triggerOnce("desired-lost", board);
    await expect(twice).resolves.toBeUndefined();
    await expect(thrice).rejects.toThrow("ended after 2 hits; 3 were expected");
  });

  it("with invalid parameters is rejected", () => {
    expect(() => setUp().faults.add("latency", { delayMs: 0.5 })).toThrow(InvalidFault);
  });

  it("where the hub cannot act is rejected, and one that can act on a part is not", () => {
    const faults = new Faults(new ManualClock(), silentLog, ["mqtt"]);
    expect(() => faults.add("reset", {}, { on: ["images"] })).toThrow("images is served by another process here");
    expect(faults.add("reset").state).toBe("over");
  });
});
