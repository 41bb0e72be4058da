import { expect, it } from "vitest";
import { AgentError } from "../../../../agent/lib/errors.ts";
import { attemptLimits } from "../../../../agent/update/machine.ts";
import { FakeBoard, type FakeBoardOptions } from "../../../support/fake-board.ts";
import { FakeHub } from "../../../support/fake-hub.ts";
import { digest } from "../../../support/updates.ts";

/* A whole agent over fakes of its ports. */

const minuteMs = 60_000;
const request = { fwPackageUri: "https://images.example/board.img", fwPackageCheckValue: digest };

async function setup(options?: FakeBoardOptions): Promise<{ hub: FakeHub; board: FakeBoard }> {
  const hub = new FakeHub();
  const board = new FakeBoard(hub, options);
  await board.powerOn();
  return { hub, board };
}

it("counts the starts of each new system from nothing: one update after the other is proven", async () => {
  const { hub, board } = await setup();
  for (let number = 2; number <= attemptLimits.trialBoots + 3; number += 1) {
    await hub.call("firmwareUpdate", { ...request, fwVersion: `${number}.0.0`, operationId: `op-${number}` });
    await board.time.advance(15 * minuteMs);
    expect(hub.at("boardkeeper.update")).toMatchObject({ operationId: `op-${number}`, phase: "completed" });
  }
});

it("does not install the version that came to run while its image was waiting", async () => {
  const { hub, board } = await setup();
  await hub.call("firmwareUpdate", { ...request, fwVersion: "2.0.0", operationId: "op-1", apply: "manual" });
  await board.time.advance(5 * minuteMs);
  await board.flash("2.0.0");
  await board.time.advance(minuteMs);
  expect((await hub.call("applyFirmwareUpdate", {})).status).toBe(200);
  await board.time.advance(5 * minuteMs);
  expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "failed", error: { code: "version-in-use" } });
  expect(board.installs).toStrictEqual([]);
});

it("waits with an image that was released while the board went down, and installs it when the board has stayed", async () => {
  const { hub, board } = await setup();
  await hub.call("firmwareUpdate", { ...request, fwVersion: "2.0.0", operationId: "op-1", apply: "manual" });
  await hub.call("rebootDevice", { delaySeconds: 400 });
  await board.time.advance(5 * minuteMs);
  board.forgetsReboot = true;
  hub.cut(); // Three minutes are left for the link: the reboot comes due meanwhile.
  const applied = board.ask("applyFirmwareUpdate", {});
  await board.time.advance(8 * minuteMs);
  expect((await applied).status).toBe(200);
  expect([board.saved?.update.phase, board.saved?.reboot.phase]).toStrictEqual(["staged", "rebooting"]);
  board.forgetsReboot = false;
  await board.time.advance(30 * minuteMs);
  expect([board.saved?.update.phase, board.installs, board.boots]).toStrictEqual(["completed", ["op-1"], 2]);
});

it("counts from the end of an update how late a reboot is that has waited for it", async () => {
  const { hub, board } = await setup();
  board.breakInstall();
  board.installMs = 5 * minuteMs;
  await hub.call("firmwareUpdate", { ...request, fwVersion: "2.0.0", operationId: "op-1", apply: "manual" });
  await board.time.advance(5 * minuteMs);
  await hub.call("rebootDevice", { delaySeconds: 60 });
  await hub.call("applyFirmwareUpdate", {});
  await board.time.advance(2 * minuteMs);
  expect(board.saved?.reboot.phase).toBe("waiting");
  board.isLastSave = ({ update }) => update.phase === "failed";
  await board.time.advance(10 * minuteMs);
  board.refusal = undefined;
  await board.restartAgent();
  await board.time.advance(10 * minuteMs);
  expect([board.saved?.reboot, board.boots]).toMatchObject([{ error: { code: "reboot-never-came" } }, 1]);
});

it("asks for a minute which version runs after a way back, before that is gone once more", async () => {
  const { hub, board } = await setup();
  await hub.call("firmwareUpdate", { ...request, fwVersion: "2.0.0", operationId: "op-1" });
  await board.time.advance(100_000);
  expect([board.saved?.update.phase, board.boots]).toStrictEqual(["proving", 2]);
  hub.cut();
  board.isVersionUnknown = true;
  await board.time.advance(31 * minuteMs);
  expect(board.saved?.update).toMatchObject({ phase: "reverting", attempt: 2 });
  board.isVersionUnknown = false;
  await board.time.advance(5 * minuteMs);
  expect([board.saved?.update.phase, board.boots]).toStrictEqual(["rolledBack", 3]);
});

it("says that a service still runs the new version after its way back, and reboots no board for it", async () => {
  const { hub, board } = await setup({ restart: "service" });
  await hub.call("firmwareUpdate", { ...request, fwVersion: "2.0.0", operationId: "op-1", apply: "manual" });
  await board.time.advance(5 * minuteMs);
  await board.ask("applyFirmwareUpdate", {});
  await board.time.advance(25_000);
  expect(board.saved?.update.phase).toBe("proving");
  hub.cut();
  await board.time.advance(60 * minuteMs);
  expect(board.saved?.update).toMatchObject({ phase: "failed", error: { code: "revert-failed" } });
  expect(board.boots).toBe(1);
});

it("leaves the way back to the boot loader where the installer of the new system cannot go it", async () => {
  const { hub, board } = await setup();
  await hub.call("firmwareUpdate", { ...request, fwVersion: "2.0.0", operationId: "op-1" });
  await board.time.advance(100_000);
  hub.cut();
  board.revertFailure = new AgentError("installer-not-allowed", "The new system has brought no installer.");
  await board.time.advance(31 * minuteMs);
  hub.isReachable = true;
  await board.time.advance(10 * minuteMs);
  expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "rolledBack", error: { code: "not-proven" } });
  expect([hub.at("firmware.currentFwVersion"), board.boots]).toStrictEqual(["1.0.0", 3]);
});

it("goes back from a new system that the installer finds unhealthy, with what it found", async () => {
  const { hub, board } = await setup();
  await hub.call("firmwareUpdate", { ...request, fwVersion: "2.0.0", operationId: "op-1" });
  board.healthFailure = new AgentError("not-proven", "app.service is not running.");
  await board.time.advance(40 * minuteMs);
  expect(hub.at("boardkeeper.update")).toMatchObject({
    phase: "rolledBack",
    error: { code: "not-proven", message: expect.stringContaining("app.service is not running.") },
  });
});
