import { describe, expect, it } from "vitest";
import { ServiceWatchdog } from "../../../agent/watchdog/service-watchdog.ts";
import { FakeBoard } from "../../support/fake-board.ts";
import { FakeHub } from "../../support/fake-hub.ts";
import { digest } from "../../support/updates.ts";
import { fakeRuntime } from "../../support/fake-runtime.ts";

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const readOnly = Object.assign(new Error("read-only file system"), { code: "EROFS" });
const update = {
  fwPackageUri: "https://images.example/board.img",
  fwPackageCheckValue: digest,
  fwVersion: "2.0.0",
  operationId: "op-1",
};

async function setup(): Promise<{ hub: FakeHub; board: FakeBoard; problems: () => unknown }> {
  const hub = new FakeHub();
  const board = new FakeBoard(hub);
  await board.powerOn();
  return { hub, board, problems: () => hub.at("boardkeeper.agent.problems") };
}

describe("a new system that cannot save its state", () => {
  it("gives way to the old one, which can, and says so", async () => {
    const { hub, board, problems } = await setup();
    board.readOnlyVersion = "2.0.0";
    await hub.call("firmwareUpdate", update);
    await board.time.advance(20 * minuteMs);
    expect([board.boots, hub.at("boardkeeper.update.phase")]).toStrictEqual([2, "rebooting"]);
    expect(problems()).toStrictEqual([expect.stringContaining("read-only (EROFS)")]);
    await board.time.advance(20 * minuteMs);
    expect(board.boots).toBe(3);
    expect(hub.at("boardkeeper.update.phase")).toBe("rolledBack");
    expect(hub.at("boardkeeper.update.error.code")).toBe("fell-back");
    expect(hub.at("firmware.currentFwVersion")).toBe("1.0.0");
    expect(problems()).toBeUndefined();
    await board.time.advance(dayMs);
    expect(board.boots).toBe(3);
  });

  async function until(board: FakeBoard, phase: string): Promise<void> {
    while (board.saved?.update.phase !== phase) await board.time.advance(1_000);
  }

  it("is not killed by the watchdog before, with the settings that the agent has by itself", async () => {
    const { hub, board } = await setup();
    board.readOnlyVersion = "2.0.0";
    await hub.call("firmwareUpdate", update);
    await until(board, "rebooting");
    let bites = 0;
    const watchdog = new ServiceWatchdog({
      manager: {
        watchdogMs: minuteMs,
        notify: (...words) => void (bites += Number(words.includes("WATCHDOG=trigger"))),
      },
      ...fakeRuntime({ time: board.time }),
      activities: () => board.work(),
      status: () => "",
    });
    watchdog.start();
    await board.time.advance(45 * minuteMs);
    await watchdog.stop();
    expect([bites, board.boots, hub.at("boardkeeper.update.phase")]).toStrictEqual([0, 3, "rolledBack"]);
  });

  it("gives way in time too where its agent ends again and again", async () => {
    const { hub, board } = await setup();
    board.readOnlyVersion = "2.0.0";
    await hub.call("firmwareUpdate", update);
    while (board.boots < 2) await board.time.advance(1_000);
    for (let lives = 1; board.boots === 2 && lives < 20; lives += 1) {
      await board.restartAgent();
      await board.time.advance(5 * minuteMs);
    }
    await board.time.advance(5 * minuteMs);
    expect([board.boots, hub.at("boardkeeper.update.phase")]).toStrictEqual([3, "rolledBack"]);
  });

  it("is rebooted away where its disk dies after its way back was saved", async () => {
    const { hub, board } = await setup();
    await hub.call("firmwareUpdate", update);
    while (board.boots < 2) await board.time.advance(1_000);
    hub.isReachable = false;
    hub.cut();
    board.isLastSave = (saved) => saved.update.phase === "reverting";
    await until(board, "reverting");
    board.isLastSave = () => false;
    expect([board.boots, board.saved?.reboot.phase]).toStrictEqual([2, "proven"]);
    await board.time.advance(2 * dayMs);
    hub.isReachable = true;
    await board.time.advance(20 * minuteMs);
    expect([board.boots, hub.at("firmware.currentFwVersion")]).toStrictEqual([3, "1.0.0"]);
    board.refusal = undefined;
    await board.time.advance(10 * minuteMs);
    expect([board.boots, hub.at("boardkeeper.update.phase")]).toStrictEqual([3, "rolledBack"]);
  });

  it.each(["rebooting", "proving"])("is rebooted away once where the disk dies while it is %s", async (phase) => {
    const { hub, board } = await setup();
    await hub.call("firmwareUpdate", update);
    await until(board, phase);
    while (board.saved?.reboot.phase === "idle") await board.time.advance(1_000);
    board.refusal = readOnly;
    await board.time.advance(2 * dayMs);
    expect(board.boots).toBe(3);
    expect(hub.at("boardkeeper.update.phase")).toBe(phase); // What the disk says: nothing else could be saved.
    expect(hub.at("firmware.currentFwVersion")).toBe("1.0.0");
    board.refusal = undefined;
    await board.time.advance(10 * minuteMs);
    expect([board.boots, hub.at("boardkeeper.update.phase")]).toStrictEqual([3, "rolledBack"]);
  });

  it("stays where its disk works again in time", async () => {
    const { hub, board } = await setup();
    await hub.call("firmwareUpdate", update);
    await until(board, "proving");
    board.refusal = readOnly;
    await board.time.advance(25 * minuteMs);
    expect(hub.at("boardkeeper.update.phase")).toBe("proving");
    board.refusal = undefined;
    await board.time.advance(dayMs);
    expect([board.boots, hub.at("boardkeeper.update.phase")]).toStrictEqual([2, "completed"]);
  });
});
