import { describe, expect, it } from "vitest";
import { testHub } from "../../support/local-hub.ts";
import { TestBoard, type TestBoardOptions } from "../../support/test-board.ts";
import { ServiceApp } from "../../support/service-app.ts";

const sides: (TestBoardOptions & { who: string })[] = [
  { who: "a device over MQTT", transport: "MQTT" },
  { who: "a device over WebSockets", transport: "WebSockets" },
  { who: "a module over MQTT", transport: "MQTT", moduleId: "boardkeeper" },
  { who: "a module over WebSockets", transport: "WebSockets", moduleId: "boardkeeper" },
];

describe.each(sides)("rebootDevice, as $who", ({ moduleId, ...options }) => {
  it("answers at once, reboots, and proves it by another boot id", async () => {
    const hub = await testHub();
    const board = await TestBoard.start(hub, { ...options, ...(moduleId === undefined ? {} : { moduleId }) });
    const service = new ServiceApp(hub, board.deviceId, moduleId);
    const before = await service.untilReported("boardkeeper.agent.bootId", (id) => id !== undefined);

    const reply = await service.callMethod("rebootDevice", { reason: "a test", operationId: "op-1" });
    expect(reply).toMatchObject({ status: 200, payload: { operationId: "op-1", mode: "simulated" } });

    const reported = await service.untilReported("boardkeeper.reboot.phase", "proven");
    expect(board.boots).toBe(2);
    expect(reported["boardkeeper"].agent.bootId).not.toBe(before["boardkeeper"].agent.bootId);
    expect(reported["boardkeeper"].reboot).toMatchObject({ operationId: "op-1", cause: "requested", reason: "a test" });
    expect(reported["rebootTime"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(reported["iothubDM"].reboot.lastReboot).toBe(reported["rebootTime"]);
    expect(reported["iothubDM"].reboot.startedRebootTime <= reported["rebootTime"]).toBe(true);
  });
});
