import { describe, expect, it } from "vitest";
import type { ReferenceClock } from "../../../../agent/trust/ports.ts";
import { secondPublication, TrustingBoard } from "../../../support/trusting-board.ts";
import { daysLater, noClock, put, TufRepository, wallClock } from "../../../support/tuf-repository.ts";

const name = "acme,gateway";

/** Root 10 years, targets and the roles of boards 2, snapshot and timestamp 1. */
describe("a board that comes back after some time, to a repository that nobody has signed since", () => {
  it.each([
    // [days, what the clock says, result, is it told to be stale?]
    [0, wallClock(daysLater(0)), "ok", false],
    [365, wallClock(daysLater(365)), "ok", false],
    [366, wallClock(daysLater(366)), "ok", true],
    [425, wallClock(daysLater(425)), "ok", true], // 14 months
    [730, wallClock(daysLater(730)), "ok", true],
    [731, wallClock(daysLater(731)), "metadata-expired", false],
    [3_653, wallClock(daysLater(3_653)), "metadata-expired", false], // ten years ahead
    [0, wallClock(new Date(0)), "ok", false], // 1970, and synchronized: a forged answer
    [9_999, noClock, "ok", false],
    [9_999, { nowMs: daysLater(9_999).getTime(), isSynchronized: false }, "ok", false],
    [0, { nowMs: Number.NaN, isSynchronized: true }, "metadata-expired", false],
  ] as const)("after %d days, by %j: %s", async (_days, clock, result, isStale) => {
    const repository = new TufRepository();
    const board = new TrustingBoard(repository.seed());
    board.clock = clock;
    const refreshed = [
      await board.refresh(repository),
      board.trusted !== undefined && board.trusted.staleness !== null,
    ];
    // Asking nobody comes to the same, where there is something to ask.
    const loaded = [board.load(), board.trusted !== undefined && board.trusted.staleness !== null];
    expect([refreshed, loaded]).toStrictEqual([
      [result, isStale],
      [result === "ok" ? "ok" : "metadata-missing", isStale],
    ]);
  });

  it("a stale timestamp says since when, and what to do", async () => {
    const repository = new TufRepository();
    const board = new TrustingBoard(repository.seed());
    board.clock = wallClock(daysLater(400));
    await board.refresh(repository);
    expect(board.trusted?.staleness).toBe(
      "The metadata file timestamp.json is stale since 2028-03-01: newer images may have been published that this board has not seen. Refresh it from the repository; its publisher signs it again with boardkeeper repo refresh.",
    );
  });

  it("an owner may refuse stale metadata: metadata-stale, and nothing is kept", async () => {
    const repository = new TufRepository();
    const board = new TrustingBoard(repository.seed());
    board.refuseStale = true;
    board.clock = wallClock(daysLater(365));
    expect(await board.refresh(repository)).toBe("ok");
    board.clock = wallClock(daysLater(366));
    expect(board.load()).toBe("metadata-stale");
    const { stored } = board;
    expect(await board.refresh(repository)).toBe("metadata-stale");
    expect(board.stored).toStrictEqual(stored);
    repository.publish(daysLater(366));
    expect(await board.refresh(repository)).toBe("ok");
  });

  it("a stale snapshot under a fresh timestamp is told too", async () => {
    const { board, repository } = await secondPublication({
      edit: { snapshot: put(["expires"], "2027-03-10T00:00:00Z") },
    });
    board.clock = wallClock(daysLater(20));
    expect(await board.refresh(repository)).toBe("ok");
    expect(board.trusted?.staleness).toContain("2.snapshot.json is stale since 2027-03-10");
  });
});

describe("each role expires by itself", () => {
  it.each([
    ["root", "metadata-expired"],
    ["targets", "metadata-expired"],
    [name, "metadata-expired"],
    ["snapshot", "ok"],
    ["timestamp", "ok"],
  ])("%s: %s", async (role, result) => {
    const { board, repository } = await secondPublication({
      edit: { [role]: put(["expires"], "2027-03-10T00:00:00Z") },
    });
    board.clock = wallClock(new Date("2027-03-09T23:59:59Z"));
    expect(await board.refresh(repository)).toBe("ok");
    board.clock = wallClock(new Date("2027-03-10T00:00:00Z"));
    expect([board.load(), await board.refresh(repository)]).toStrictEqual([result, result]);
  });

  it("the role of a board that is not this one may have expired", async () => {
    const repository = new TufRepository({ boards: { [name]: ["1.0.0"], other: ["1.0.0"] } });
    repository.publish(daysLater(1), { edit: { other: put(["expires"], "2027-01-01T00:00:00Z") } });
    expect(await new TrustingBoard(repository.seed()).refresh(repository)).toBe("ok");
  });

  it("says by which time, and what to do", async () => {
    const repository = new TufRepository();
    const board = new TrustingBoard(repository.seed());
    board.clock = wallClock(daysLater(4_000));
    await board.refresh(repository);
    expect(board.error?.message).toBe(
      "The metadata file root.json expired on 2037-03-01; it is 2038-02-11 by this board's clock. Its publisher must sign it again (boardkeeper repo rotate). If this date is wrong, set the clock; nothing else is needed.",
    );
  });
});

describe("what is saved of time", () => {
  it("is what the publisher has signed, and never a clock's", async () => {
    const repository = new TufRepository();
    const board = new TrustingBoard(repository.seed());
    board.clock = wallClock(daysLater(300));
    await board.refresh(repository);
    expect(board.record.issued).toBe("2027-03-01T12:00:00Z");
  });

  it("a forged time that expires everything does so only as long as it is believed", async () => {
    const repository = new TufRepository();
    const board = new TrustingBoard(repository.seed());
    await board.refresh(repository);
    const { stored, record } = board;
    board.clock = wallClock(daysLater(10_000));
    expect(await board.refresh(repository)).toBe("metadata-expired");
    expect([board.stored, board.record]).toStrictEqual([stored, record]);
    board.clock = wallClock();
    expect(await board.refresh(repository)).toBe("ok");
  });

  it.each<[string, ReferenceClock]>([
    ["without a clock", noClock],
    ["with a clock that was set back", wallClock(new Date(0))],
  ])("%s, a board goes by the newest signed time", async (_what, clock) => {
    const repository = new TufRepository();
    const board = new TrustingBoard(repository.seed());
    board.clock = clock;
    expect(await board.refresh(repository)).toBe("ok");
    // Two years on, the publisher signs the timestamp again, and forgets the targets.
    repository.publish(daysLater(800), { edit: { targets: put(["expires"], "2029-03-01T00:00:00Z") } });
    expect(await board.refresh(repository)).toBe("metadata-expired");
    expect(board.error?.message).toContain("it is 2029-05-09 by the newest time that the publisher has signed");
    // Nothing of what was refused is kept, nor its time: the next one may be right.
    expect(board.record.issued).toBe("2027-03-01T12:00:00Z");
    expect(board.load()).toBe("ok");
  });

  it("an earlier time in a newer timestamp does not turn the time back", async () => {
    const { board, repository } = await secondPublication({
      edit: { timestamp: put(["custom", "issued"], "2026-01-01T00:00:00Z") },
    });
    expect(await board.refresh(repository)).toBe("ok");
    expect(board.record.issued).toBe("2027-03-01T12:00:00Z");
  });

  it("the floor is not a refresh's to change", async () => {
    const { board, repository } = await secondPublication();
    board.record = { ...board.record, floor: 7 };
    await board.refresh(repository);
    expect(board.record).toStrictEqual({ floor: 7, issued: "2027-03-02T12:00:00Z" });
  });

  it("a saved time that is none is a damaged store", async () => {
    const { board, repository } = await secondPublication();
    board.record = { floor: 0, issued: "2027-02-31T00:00:00Z" };
    expect([board.load(), await board.refresh(repository)]).toStrictEqual([
      "trust-store-damaged",
      "trust-store-damaged",
    ]);
  });
});
