import { describe, expect, it } from "vitest";
import { testHub } from "../../support/local-hub.ts";
import { TestBoard } from "../../support/test-board.ts";
import { at } from "../../support/paths.ts";
import { ServiceApp } from "../../support/service-app.ts";

async function boardAndService(): Promise<{ board: TestBoard; service: ServiceApp }> {
  const hub = await testHub();
  const board = await TestBoard.start(hub);
  return { board, service: new ServiceApp(hub, board.deviceId) };
}

describe("one operation id for another operation", () => {
  const update = { fwPackageUri: "test.com", operationId: "op-1", fwVersion: "2.0.0", apply: "manual" };

  it.each<[string, string, object]>([
    ["another version", "firmwareUpdate", { ...update, fwVersion: "2.0.1" }],
    [
      "another digest",
      "firmwareUpdate",
      { ...update, fwPackageUri: "https://a/b", fwPackageCheckValue: "b".repeat(64) },
    ],
    ["another kind", "rebootDevice", { operationId: "op-1" }],
  ])("is refused for %s, after a restart too", async (_what, method, payload) => {
    const { board, service } = await boardAndService();
    expect(await service.callMethod("firmwareUpdate", update)).toMatchObject({ status: 200 });
    const refusal = { status: 409, payload: { error: { code: "operation-id-in-use" } } };
    expect(await service.callMethod(method, payload)).toMatchObject(refusal);
    const before = await service.untilReported("boardkeeper.agent.startedAt", (time) => time !== undefined);
    const startedAt = at(before, "boardkeeper.agent.startedAt");
    await board.stopAgent();
    await board.startAgent();
    await service.untilReported("boardkeeper.agent.startedAt", (time) => time !== startedAt);
    expect(await service.callMethod(method, payload)).toMatchObject(refusal);
    expect(await service.callMethod("firmwareUpdate", update)).toMatchObject({
      status: 200,
      payload: { repeated: true },
    });
  });

  it("is refused in a desired document too", async () => {
    const { service } = await boardAndService();
    expect(await service.callMethod("rebootDevice", { operationId: "op-1", delaySeconds: 3_600 })).toMatchObject({
      status: 200,
    });
    await service.setDesired({ firmware: { fwPackageURI: "test.com", operationId: "op-1" } });
    const reported = await service.untilReported("boardkeeper.update.refused.code", "operation-id-in-use");
    expect(at(reported, "boardkeeper.update.phase")).toBe("idle");
  });
});
