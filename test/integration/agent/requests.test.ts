import { describe, expect, it } from "vitest";
import { imageServer, serving, testImage } from "../../support/image-server.ts";
import { testHub } from "../../support/local-hub.ts";
import { TestBoard, type TestBoardOptions } from "../../support/test-board.ts";
import { at } from "../../support/paths.ts";
import { ServiceApp } from "../../support/service-app.ts";

async function boardAndService(options: TestBoardOptions = {}): Promise<{ board: TestBoard; service: ServiceApp }> {
  const hub = await testHub();
  const board = await TestBoard.start(hub, options);
  return { board, service: new ServiceApp(hub, board.deviceId) };
}

describe("payloads, over the wire", () => {
  it.each<[string, unknown]>([
    ["an object", { delaySeconds: 86_400 }],
    ["an object as JSON text", '{"delaySeconds":86400}'],
    ["an object with a key that is not known", { delaySeconds: 86_400, method_number: "42" }],
  ])("%s is taken", async (_what, payload) => {
    const { service } = await boardAndService();
    expect(await service.callMethod("rebootDevice", payload)).toMatchObject({
      status: 200,
      payload: { mode: "simulated" },
    });
    const reported = await service.untilReported("boardkeeper.reboot.phase", "scheduled");
    expect(Date.parse(at(reported, "boardkeeper.reboot.scheduledFor") as string)).toBeGreaterThan(
      Date.now() + 86_000_000,
    );
  });

  it("null is taken as an empty object", async () => {
    const { board, service } = await boardAndService();
    expect(await service.callMethod("reboot", null)).toMatchObject({ status: 200 });
    await service.untilReported("boardkeeper.reboot.phase", "proven");
    expect(board.boots).toBe(2);
  });

  it.each<[string, unknown, string]>([
    ["a text that is no JSON", "garbage", "payload: expected an object"],
    ["a number", 42, "payload: expected an object"],
    ["an array", [1, 2], "payload: expected an object"],
    [
      "a wrong value",
      { delaySeconds: "soon" },
      'delaySeconds: expected a whole number of seconds from 0 to 86400, got "soon"',
    ],
  ])("%s is refused with the key, what came and what was expected", async (_what, payload, words) => {
    const { board, service } = await boardAndService();
    const reply = await service.callMethod("rebootDevice", payload);
    expect(reply).toMatchObject({ status: 400, payload: { error: { code: "bad-request" } } });
    expect(reply.payload.Response).toContain(words);
    expect(board.boots).toBe(1);
  });

  it("a method that no board knows gets a 404 with those it does", async () => {
    const { service } = await boardAndService();
    const reply = await service.callMethod("selfDestruct", {});
    expect(reply).toMatchObject({ status: 404, payload: { error: { code: "unknown-method" } } });
    expect(reply.payload.Response).toContain("rebootDevice, cancelReboot, firmwareUpdate");
  });
});

describe("reboots", () => {
  it("are cancelled until they are due, and leave no time for a poller to find", async () => {
    const { board, service } = await boardAndService();
    await service.callMethod("rebootDevice", { operationId: "op-1" });
    await service.untilReported("rebootTime", (time) => time !== undefined);
    await service.callMethod("rebootDevice", { operationId: "op-2", delaySeconds: 3_600 });
    expect(await service.reported("rebootTime")).toBeUndefined();
    expect(await service.callMethod("rebootDevice", { operationId: "op-3" })).toMatchObject({
      status: 409,
      payload: { error: { code: "already-scheduled" } },
    });
    expect(await service.callMethod("cancelReboot", { operationId: "op-3" })).toMatchObject({ status: 404 });
    expect(await service.callMethod("cancelReboot", { operationId: "op-2" })).toMatchObject({ status: 200 });
    const reported = await service.untilReported("boardkeeper.reboot.phase", "cancelled");
    expect(reported["rebootTime"]).toBeUndefined();
    expect(at(reported, "iothubDM.reboot.lastReboot")).toBeDefined();
    expect(board.boots).toBe(2);
  });

  it("answer a repeated call as the first time, after the reboot too, without another reboot", async () => {
    const { board, service } = await boardAndService();
    const first = await service.callMethod("rebootDevice", { operationId: "op-1" });
    await service.untilReported("boardkeeper.reboot.phase", "proven");
    expect(await service.callMethod("rebootDevice", { operationId: "op-1" })).toStrictEqual({
      status: 200,
      payload: { ...first.payload, repeated: true },
    });
    expect(await service.callMethod("getStatus", null)).toMatchObject({ payload: { reboot: { phase: "proven" } } });
    expect(board.boots).toBe(2);
  });

  it("that were not requested are reported as such, and end a pending one", async () => {
    const { board, service } = await boardAndService();
    await service.callMethod("rebootDevice", { operationId: "op-1", delaySeconds: 3_600 });
    await board.stopAgent();
    await board.powerOn();
    const reported = await service.untilReported("boardkeeper.reboot.phase", "proven");
    expect(at(reported, "boardkeeper.reboot")).toMatchObject({ cause: "other", operationId: "op-1" });
    expect(reported["rebootTime"]).toBe(at(reported, "boardkeeper.reboot.lastProven.at"));
  });

  it.each([
    ["a program", "systemctl reboot failed: Access denied"],
    ["the reboot helper", "Access denied."],
  ])("that never come are reported as such, with the message of %s", async (_whose, words) => {
    const { service } = await boardAndService({
      power: (power) => ({ ...power, reboot: () => Promise.reject(new Error(words)) }),
    });
    await service.callMethod("rebootDevice", { operationId: "op-1" });
    const reported = await service.untilReported("boardkeeper.reboot.phase", "failed");
    expect(at(reported, "boardkeeper.reboot.error")).toMatchObject({ code: "reboot-never-came" });
    expect(at(reported, "boardkeeper.reboot.error.message")).toMatch(/: .*Access denied\. Check /);
    expect(reported["rebootTime"]).toBeUndefined();
  });

  it("are refused while somebody on the board asks for that, unless the caller insists", async () => {
    const held = { who: "apt", why: "upgrading packages" };
    const { board, service } = await boardAndService({
      power: (power) => ({ ...power, inhibitors: () => Promise.resolve([held]) }),
    });
    expect(await service.callMethod("rebootDevice", { operationId: "op-1" })).toMatchObject({
      status: 409,
      payload: { error: { code: "inhibited", message: expect.stringContaining("apt (upgrading packages)") } },
    });
    expect(await service.callMethod("rebootDevice", { operationId: "op-1", force: true })).toMatchObject({
      status: 200,
    });
    await service.untilReported("boardkeeper.reboot.phase", "proven");
    expect(board.boots).toBe(2);
  });

  it("fail when somebody on the board asks for that at the moment they are due", async () => {
    const answers = [[], [{ who: "apt", why: "upgrading packages" }]];
    const { board, service } = await boardAndService({
      power: (power) => ({ ...power, inhibitors: () => Promise.resolve(answers.shift() ?? []) }),
    });
    expect(await service.callMethod("rebootDevice", { operationId: "op-1" })).toMatchObject({ status: 200 });
    const reported = await service.untilReported("boardkeeper.reboot.phase", "failed");
    expect(at(reported, "boardkeeper.reboot.error")).toMatchObject({
      code: "inhibited",
      message: expect.stringContaining("apt (upgrading packages) blocks a shutdown"),
    });
    expect(board.boots).toBe(1);
    // The way is free again.
    expect(await service.callMethod("rebootDevice", { operationId: "op-2" })).toMatchObject({ status: 200 });
    await service.untilReported("boardkeeper.reboot.phase", "proven");
  });

  it("survive the end of the agent while they wait", async () => {
    const { board, service } = await boardAndService();
    await service.callMethod("rebootDevice", { operationId: "op-1", delaySeconds: 3_600 });
    await board.stopAgent();
    await board.startAgent();
    const reported = await service.untilReported("boardkeeper.agent.bootId", (id) => id !== undefined);
    expect(at(reported, "boardkeeper.reboot")).toMatchObject({ phase: "scheduled", operationId: "op-1" });
    expect(await service.callMethod("cancelReboot", null)).toMatchObject({ status: 200 });
  });
});

describe("desired firmware", () => {
  async function desiredSetup(): Promise<{
    board: TestBoard;
    service: ServiceApp;
    document: { fwVersion: string; fwPackageURI: string; fwPackageCheckValue: string };
    downloads: () => number;
  }> {
    const hub = await testHub();
    const image = testImage();
    const server = await imageServer(serving(image));
    const board = await TestBoard.start(hub, { imageCa: `${hub.ca}\n${server.ca}` });
    return {
      board,
      service: new ServiceApp(hub),
      document: { fwVersion: "2.0.0", fwPackageURI: `${server.origin}/board.img`, fwPackageCheckValue: image.sha256 },
      downloads: () => server.requests.length,
    };
  }

  it("updates the board", async () => {
    const { board, service, document } = await desiredSetup();
    await service.setDesired({ firmware: document });
    const reported = await service.untilReported("boardkeeper.update.phase", "completed");
    expect(at(reported, "boardkeeper.update.operationId")).toMatch(/^desired-[0-9a-f]{12}$/);
    expect(at(reported, "firmware.currentFwVersion")).toBe("2.0.0");
    expect(await board.runningVersion()).toBe("2.0.0");
  });

  it("is read at start when it changed while the board was away", async () => {
    const { board, service, document } = await desiredSetup();
    await service.untilReported("boardkeeper.agent.bootId", (id) => id !== undefined);
    await board.stopAgent();
    await service.setDesired({ firmware: document });
    await board.powerOn();
    await service.untilReported("boardkeeper.update.phase", "completed");
  });

  it("is never done twice, however often it is delivered", async () => {
    const { board, service, document, downloads } = await desiredSetup();
    await service.setDesired({ firmware: document });
    await service.untilReported("boardkeeper.update.phase", "completed");
    await service.setDesired({ firmware: document }); // The same content, another $version.
    await service.setDesired({ other: 1 });
    await board.stopAgent();
    await board.startAgent();
    expect(await service.callMethod("getStatus", null)).toMatchObject({ payload: { update: { phase: "completed" } } });
    expect(downloads()).toBe(1);
    expect(board.boots).toBe(2);
  });

  it("that a method has overtaken does not come back", async () => {
    const { board, service, document, downloads } = await desiredSetup();
    await service.setDesired({ firmware: document });
    await service.untilReported("boardkeeper.update.phase", "completed");
    const { fwPackageURI: fwPackageUri, fwPackageCheckValue } = document;
    await service.callMethod("firmwareUpdate", {
      fwPackageUri,
      fwPackageCheckValue,
      fwVersion: "3.0.0",
      operationId: "op-1",
    });
    await service.untilReported("boardkeeper.update.operationId", "op-1");
    await service.untilReported("boardkeeper.update.phase", "completed");
    await board.stopAgent();
    await board.startAgent(); // Reads the whole twin, the overtaken document in it.
    expect(await service.callMethod("getStatus", null)).toMatchObject({
      payload: { firmwareVersion: "3.0.0", update: { phase: "completed" } },
    });
    expect(downloads()).toBe(2);
  });

  it("that failed is tried again when it names a new operation", async () => {
    const { service, document, downloads } = await desiredSetup();
    await service.setDesired({ firmware: { ...document, fwPackageSize: 1 } });
    await service.untilReported("boardkeeper.update.phase", "failed");
    await service.setDesired({ firmware: { fwPackageSize: null, operationId: "again-1" } });
    await service.untilReported("boardkeeper.update.operationId", "again-1");
    await service.untilReported("boardkeeper.update.phase", "completed");
    expect(downloads()).toBe(2);
  });

  it("that is wrong is refused in the twin, once, and touches no job", async () => {
    const { service, document } = await desiredSetup();
    await service.setDesired({ firmware: { ...document, fwPackageURI: "http://insecure/board.img" } });
    const reported = await service.untilReported("firmware.fwUpdateStatus", "error");
    expect(at(reported, "boardkeeper.update")).toMatchObject({
      phase: "idle",
      refused: { code: "insecure-address", desiredVersion: 2 },
    });
    expect(reported["firmwareStatus"]).toBe("standBy");
    await service.setDesired({ firmware: document });
    const after = await service.untilReported("boardkeeper.update.phase", "completed");
    expect(at(after, "boardkeeper.update.refused")).toBeUndefined();
  });

  it("waits for a method's job, then is done", async () => {
    const { service, document } = await desiredSetup();
    const { fwPackageURI: fwPackageUri, fwPackageCheckValue } = document;
    await service.callMethod("firmwareUpdate", {
      fwPackageUri,
      fwPackageCheckValue,
      fwVersion: "1.5.0",
      apply: "manual",
      operationId: "op-1",
    });
    await service.untilReported("boardkeeper.update.phase", "staged");
    await service.setDesired({ firmware: document });
    expect(await service.callMethod("applyFirmwareUpdate", null)).toMatchObject({ status: 200 });
    const reported = await service.untilReported("firmware.currentFwVersion", "2.0.0");
    expect(at(reported, "boardkeeper.update.operationId")).toMatch(/^desired-/);
  });

  it("takes the place of a desired job that has changed nothing yet", async () => {
    const { service, document } = await desiredSetup();
    await service.setDesired({ firmware: { ...document, fwVersion: "1.5.0", apply: "manual" } });
    await service.untilReported("boardkeeper.update.phase", "staged");
    await service.setDesired({ firmware: { ...document, apply: null } });
    const reported = await service.untilReported("boardkeeper.update.phase", "completed");
    expect(at(reported, "firmware.currentFwVersion")).toBe("2.0.0");
  });
});
