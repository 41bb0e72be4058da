import { describe, expect, it } from "vitest";
import { Faults } from "../../../../../service-tools/local-hub/faults/faults.ts";
import { InvalidFault } from "../../../../../service-tools/local-hub/faults/request.ts";
import { covers } from "../../../../../service-tools/local-hub/faults/scope.ts";
import type { Scope, Location } from "../../../../../service-tools/local-hub/faults/scope.ts";
import { silentLog } from "../../../../../service-tools/local-hub/lib/log.ts";
import { ManualClock } from "../../../../support/manual-clock.ts";

const board: Location = { endpoints: ["mqtt"], target: { deviceId: "board-1" } };

function world(): { faults: Faults; clock: ManualClock } {
  const clock = new ManualClock();
  return { faults: new Faults(clock, silentLog), clock };
}

describe("a fault", () => {
  it("strikes until it is switched off", async () => {
    const { faults } = world();
    const fault = faults.add("desired-lost");
    expect([faults.triggerOnce("desired-lost", board), faults.triggerOnce("desired-lost", board)]).toEqual([{}, {}]);
    await fault.end();
    expect([faults.triggerOnce("desired-lost", board), fault.hits, fault.state]).toEqual([undefined, 2, "over"]);
  });

  it("strikes so often", () => {
    const { faults } = world();
    faults.add("connack-refused", { code: 4 }, { times: 1 });
    expect(faults.triggerOnce("connack-refused", board)).toEqual({ code: 4 });
    expect(faults.triggerOnce("connack-refused", board)).toBeUndefined();
    expect(faults.noneActive).toBe(true);
  });

  it("waits, and lasts for a time", () => {
    const { faults, clock } = world();
    const fault = faults.add("desired-lost", {}, { afterMs: 10, forMs: 5 });
    const states = [0, 9, 1, 4, 1].map((ms) => {
      clock.advance(ms);
      return fault.state;
    });
    expect(states).toEqual(["waiting", "waiting", "on", "on", "over"]);
    expect(clock.pending()).toBe(0);
  });

  it("that is cleared while it waits never begins", async () => {
    const { faults, clock } = world();
    const fault = faults.add("desired-lost", {}, { afterMs: 10 });
    await faults.clear();
    clock.advance(20);
    expect([fault.state, faults.list(), clock.pending()]).toEqual(["over", [], 0]);
  });

  it("strikes before a later one of its kind, which takes over", () => {
    const { faults } = world();
    faults.add("connack-refused", { code: 4 }, { times: 1 });
    faults.add("connack-refused", { code: 3 });
    const codes = [1, 2, 3].map(() => faults.triggerOnce("connack-refused", board)?.code);
    expect(codes).toEqual([4, 3, 3]);
  });

  it("keeps the connections that it has taken hold of, and takes no more than so many", async () => {
    const { faults } = world();
    const [first, second] = [{}, {}];
    const fault = faults.add("latency", {}, { times: 1 });
    const held = [first, second, first].map((one) => faults.activeFor("latency", one, board) !== undefined);
    expect([held, fault.hits, fault.state]).toEqual([[true, false, true], 1, "on"]);
    await fault.end();
    expect(faults.activeFor("latency", first, board)).toBeUndefined();
  });

  it("tells who waits that it has struck, or never will so often", async () => {
    const { faults } = world();
    const fault = faults.add("desired-lost", {}, { times: 2 });
    const [twice, thrice] = [fault.waitForHits(2), fault.waitForHits(3)];
    faults.triggerOnce("desired-lost", board);
    faults.triggerOnce("desired-lost", board);
    await expect(twice).resolves.toBeUndefined();
    await expect(thrice).rejects.toThrow("ended after 2 strikes; 3 were waited for");
  });

  it("that is not as it should be is refused", () => {
    expect(() => world().faults.add("latency", { delayMs: 0.5 })).toThrow(InvalidFault);
  });

  it("out of the hub's reach is refused, and one that reaches some of it is not", () => {
    const faults = new Faults(new ManualClock(), silentLog, ["mqtt"]);
    expect(() => faults.add("reset", {}, { on: ["images"] })).toThrow("images is served by another process here");
    expect(faults.add("reset").state).toBe("over");
  });
});

describe("a scope", () => {
  it.each<{ scope: Scope; where: Location; is: boolean }>([
    { scope: {}, where: board, is: true },
    { scope: {}, where: { endpoints: [] }, is: true },
    { scope: { on: ["rest"] }, where: board, is: false },
    { scope: { on: ["rest"] }, where: { endpoints: ["websockets", "rest"] }, is: true },
    { scope: { deviceId: "board-1" }, where: board, is: true },
    { scope: { deviceId: "board-2" }, where: board, is: false },
    { scope: { deviceId: "board-1" }, where: { endpoints: ["mqtt"] }, is: false },
    { scope: { deviceId: "board-1", moduleId: "m" }, where: board, is: false },
    {
      scope: { deviceId: "board-1" },
      where: { endpoints: ["mqtt"], target: { deviceId: "board-1", moduleId: "m" } },
      is: false,
    },
  ])("$scope covers $where: $is", ({ scope, where, is }) => {
    expect(covers(scope, where)).toBe(is);
  });
});
