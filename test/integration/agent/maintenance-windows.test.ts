import { describe, expect, it } from "vitest";
import { cronOpenings } from "../../../agent/maintenance/cron.ts";
import { FakeBoard } from "../../support/fake-board.ts";
import { FakeHub } from "../../support/fake-hub.ts";
import { settle } from "../../support/fake-time.ts";
import { digest } from "../../support/updates.ts";

/* A whole agent over fakes of its ports. It is Friday, three o'clock at night. */

const [minuteMs, hourMs, dayMs] = [60_000, 3_600_000, 86_400_000];
const nightly = { cron: "0 2 * * *", duration: "1h", splay: "0m" };
const saturday2 = "2026-01-03T02:00:00.000Z";

const request = {
  fwPackageUri: "https://images.example/board.img",
  fwPackageCheckValue: digest,
  fwVersion: "2.0.0",
  operationId: "op-1",
  apply: "window",
};

async function setup(windows: object[] = [nightly]): Promise<{ hub: FakeHub; board: FakeBoard }> {
  await cronOpenings({ cron: nightly.cron, timezone: "UTC" }); // Loading the package takes time that is not the board's.
  const hub = new FakeHub();
  const board = new FakeBoard(hub, { settings: { "maintenance.windows": windows } });
  await board.powerOn();
  return { hub, board };
}

describe("an update with apply: window", () => {
  it("is fetched at once, waits as staged and says until when, and is installed in the window", async () => {
    const { hub, board } = await setup();
    expect((await hub.call("firmwareUpdate", request)).status).toBe(200);
    await board.time.advance(5 * minuteMs);
    expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "staged", waitsFor: "window", waitsUntil: saturday2 });
    expect(hub.at("firmware.fwUpdateSubstatus")).toBe(`staged, waiting for the maintenance window at ${saturday2}`);
    await board.time.advance(22 * hourMs);
    expect(board.installs).toStrictEqual([]);
    await board.time.advance(hourMs);
    expect(board.installs).toStrictEqual(["op-1"]);
    expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "completed" });
    expect(hub.at("boardkeeper.update")).not.toHaveProperty("waitsUntil"); // Null takes a key out of a twin.
  });

  it("waits on after restarts of agent and board", async () => {
    const { hub, board } = await setup();
    await hub.call("firmwareUpdate", request);
    await board.time.advance(hourMs);
    await board.restartAgent();
    await board.time.advance(hourMs);
    await board.restartAgent();
    expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "staged", waitsUntil: saturday2 });
    await board.time.advance(dayMs);
    expect(board.installs).toStrictEqual(["op-1"]);
    expect(hub.at("boardkeeper.update.phase")).toBe("completed");
  });

  it("takes the next window where it was not there for this one", async () => {
    const { hub, board } = await setup();
    await hub.call("firmwareUpdate", request);
    await board.time.advance(hourMs);
    board.time.stepWall(dayMs); // Four o'clock on Saturday: the window of that night was slept through.
    await board.time.advance(5 * minuteMs);
    expect(hub.at("boardkeeper.update.waitsUntil")).toBe("2026-01-04T02:00:00.000Z");
    await board.time.advance(dayMs);
    expect(board.installs).toStrictEqual(["op-1"]);
  });

  it("goes on to its end when the window closes meanwhile", async () => {
    const { hub, board } = await setup([{ ...nightly, duration: "1m" }]);
    await hub.call("firmwareUpdate", request);
    await board.time.advance(dayMs);
    expect(hub.at("boardkeeper.update.phase")).toBe("completed");
  });

  it("is applied at once when it is ordered so, and cancelled when that is asked for", async () => {
    const { hub, board } = await setup();
    await hub.call("firmwareUpdate", request);
    await board.time.advance(5 * minuteMs);
    expect((await hub.call("applyFirmwareUpdate", {})).status).toBe(200);
    await board.time.advance(10 * minuteMs);
    expect(hub.at("boardkeeper.update.phase")).toBe("completed");

    await hub.call("firmwareUpdate", { ...request, operationId: "op-2", fwVersion: "3.0.0" });
    await board.time.advance(5 * minuteMs);
    expect((await hub.call("cancelFirmwareUpdate", {})).status).toBe(200);
    await board.time.advance(2 * dayMs);
    expect(board.installs).toStrictEqual(["op-1"]);
    expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "cancelled" });
  });

  it("waits for the clock on a board that does not know the time, and says so", async () => {
    const { hub, board } = await setup();
    board.time.isSynchronized = false;
    await hub.call("firmwareUpdate", request);
    await board.time.advance(2 * dayMs);
    expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "staged", waitsFor: "clock" });
    expect(board.installs).toStrictEqual([]);
    board.time.isSynchronized = true;
    await board.time.advance(minuteMs);
    expect(hub.at("boardkeeper.update")).toMatchObject({ waitsFor: "window", waitsUntil: "2026-01-05T02:00:00.000Z" });
  });

  it("is refused on a board without windows", async () => {
    const { hub } = await setup([]);
    expect(await hub.call("firmwareUpdate", request)).toMatchObject({
      status: 400,
      payload: { error: { code: "window-missing" } },
    });
  });
});

describe("a reboot with window: true", () => {
  it("is scheduled for the window and comes in it", async () => {
    const { hub, board } = await setup();
    const reply = await hub.call("rebootDevice", { window: true, operationId: "r-1" });
    expect(reply).toMatchObject({ status: 200, payload: { scheduledFor: saturday2 } });
    await board.time.advance(minuteMs);
    expect(hub.at("boardkeeper.reboot")).toMatchObject({ phase: "scheduled", scheduledFor: saturday2 });
    await board.time.advance(22 * hourMs);
    await board.restartAgent();
    expect([board.boots, hub.at("boardkeeper.reboot.scheduledFor")]).toStrictEqual([1, saturday2]);
    await board.time.advance(hourMs);
    expect(board.boots).toBe(2);
    expect(hub.at("boardkeeper.reboot")).toMatchObject({
      phase: "proven",
      cause: "requested",
      scheduledFor: saturday2,
    });
  });

  it("follows a clock that steps", async () => {
    const { hub, board } = await setup();
    await hub.call("rebootDevice", { window: true });
    board.time.stepWall(30 * dayMs);
    await board.time.advance(22 * hourMs);
    expect([board.boots, hub.at("boardkeeper.reboot.scheduledFor")]).toStrictEqual([1, "2026-02-02T02:00:00.000Z"]);
    await board.time.advance(2 * hourMs);
    expect(board.boots).toBe(2);
  });

  it("waits for the clock on a board that does not know the time", async () => {
    const { hub, board } = await setup();
    board.time.isSynchronized = false;
    expect(await hub.call("rebootDevice", { window: true })).toMatchObject({
      status: 200,
      payload: { scheduledFor: null, Response: expect.stringContaining("once the board's clock is set") },
    });
    await board.time.advance(2 * dayMs);
    expect([board.boots, hub.at("boardkeeper.reboot.phase")]).toStrictEqual([1, "scheduled"]);
    board.time.isSynchronized = true;
    await board.time.advance(dayMs);
    expect(board.boots).toBe(2);
  });

  it("can be cancelled", async () => {
    const { hub, board } = await setup();
    await hub.call("rebootDevice", { window: true });
    expect((await hub.call("cancelReboot", {})).status).toBe(200);
    await board.time.advance(2 * dayMs);
    expect(board.boots).toBe(1);
  });

  it("does not come outside the window for an update that took longer than that", async () => {
    const { hub, board } = await setup([{ ...nightly, duration: "1m" }]);
    await hub.call("rebootDevice", { window: true, operationId: "r-1" });
    await hub.call("firmwareUpdate", { ...request, apply: "manual" });
    board.breakInstall();
    board.installMs = 5 * minuteMs;
    await board.time.advance(23 * hourMs - 10_000);
    await hub.call("applyFirmwareUpdate", {});
    await board.time.advance(15_000);
    expect(hub.at("boardkeeper.reboot.phase")).toBe("waiting");
    await board.time.advance(22 * hourMs);
    expect([hub.at("boardkeeper.update.phase"), board.boots]).toStrictEqual(["failed", 1]);
    await board.time.advance(3 * hourMs);
    expect(board.boots).toBe(2);
  });

  it("comes in a later window where one update after the other was in its way", async () => {
    const { hub, board } = await setup([{ ...nightly, duration: "1m" }]);
    await hub.call("rebootDevice", { window: true, operationId: "r-1" });
    board.breakInstall();
    board.installMs = 5 * minuteMs;
    for (const operationId of ["op-1", "op-2"]) {
      await hub.call("firmwareUpdate", { ...request, operationId, apply: "manual" });
      await board.time.advance(23 * hourMs - 10_000);
      await hub.call("applyFirmwareUpdate", {});
      await board.time.advance(15_000);
      expect(hub.at("boardkeeper.reboot.phase")).toBe("waiting");
      await board.time.advance(hourMs - 5_000);
      expect([hub.at("boardkeeper.update.phase"), board.boots]).toStrictEqual(["failed", 1]);
    }
    await board.time.advance(dayMs);
    expect(hub.at("boardkeeper.reboot")).toMatchObject({ operationId: "r-1", phase: "proven", cause: "requested" });
    expect(board.boots).toBe(2);
  });

  it("and an update in the same window end as one boot after the other, both done", async () => {
    const { hub, board } = await setup();
    await hub.call("firmwareUpdate", request);
    await hub.call("rebootDevice", { window: true });
    await board.time.advance(dayMs);
    await settle();
    expect(hub.at("boardkeeper.update.phase")).toBe("completed");
    expect(hub.at("boardkeeper.reboot.phase")).toBe("proven");
    expect(board.boots).toBeLessThanOrEqual(3);
  });
});
