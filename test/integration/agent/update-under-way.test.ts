import { stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Timer } from "../../../agent/lib/clock.ts";
import type { Json } from "../../../agent/contract/json.ts";
import { Gate } from "../../support/gate.ts";
import { overriding } from "../../support/overriding.ts";
import { cutOff, serving, servingParts, testImage } from "../../support/image-server.ts";
import type { TestBoard, TestBoardOptions } from "../../support/test-board.ts";
import { at } from "../../support/paths.ts";
import { isEnd, leftOver, setUpUpdate, untilTidied, type UpdateSetup } from "../../support/update-setup.ts";

describe("a download that is held up", () => {
  /** A server that sends half of the image, then this status. */
  function halfThen(update: UpdateSetup, status: number, headers: Record<string, string> = {}): void {
    const half = update.image.sizeBytes / 2;
    update.server.answer = (_request, response) => {
      update.server.answer = (_again, refusal) => void refusal.writeHead(status, headers).end();
      response.writeHead(200, { "content-length": update.image.sizeBytes, etag: '"v1"' });
      cutOff(response, update.image.content.subarray(0, half), onDisk(update.board, half));
    };
  }

  async function onDisk(board: TestBoard, bytes: number): Promise<void> {
    const sizes = async (): Promise<number[]> =>
      await Promise.all((await leftOver(board)).filter((name) => name.endsWith(".part")).map(partSize(board)));
    await expect.poll(sizes).toContain(bytes);
  }

  const partSize = (board: TestBoard) => async (name: string) => (await stat(join(board.stagingFolder, name))).size;
  const atOnce = {
    timer: (real: Timer): Timer => ({
      after: (delayMs, signal) => real.after(delayMs === 1_000 ? 0 : delayMs, signal),
    }),
  };

  it("by an expired signature goes on with the bytes that are there when it is asked for with a new one", async () => {
    const update = await setUpUpdate(atOnce);
    const { service, server, request, image, board } = update;
    halfThen(update, 403);
    await service.callMethod("firmwareUpdate", request);
    const failed = await service.untilReported("boardkeeper.update.phase", isEnd);
    expect(at(failed, "boardkeeper.update")).toMatchObject({ phase: "failed", error: { code: "http-status" } });

    server.answer = servingParts(image, { etag: '"v1"' });
    const renewed = { ...request, fwPackageUri: `${server.origin}/board.img?sig=renewed` };
    expect(await service.callMethod("firmwareUpdate", renewed)).toMatchObject({ status: 200 });
    await service.untilReported("boardkeeper.update.phase", "completed");
    expect(server.requests.at(-1)?.headers).toMatchObject({
      range: `bytes=${image.sizeBytes / 2}-`,
      "if-range": '"v1"',
    });
    await untilTidied(board);
  });

  it("gives its bytes up when another image is asked for", async () => {
    const update = await setUpUpdate(atOnce);
    const { service, server, request, board } = update;
    halfThen(update, 404);
    await service.callMethod("firmwareUpdate", request);
    await service.untilReported("boardkeeper.update.phase", "failed");
    const other = testImage(1_000);
    server.answer = (_request, response) => void response.writeHead(404).end();
    await service.callMethod("firmwareUpdate", { ...request, fwPackageCheckValue: other.sha256, operationId: "op-2" });
    await service.untilReported("boardkeeper.update.operationId", "op-2");
    await service.untilReported("boardkeeper.update.phase", "failed");
    const old = (await leftOver(board)).filter((name) => name.startsWith(request.fwPackageCheckValue));
    expect(old).toStrictEqual([]);
  });

  it("says in the twin what it waits for, and can be cancelled", async () => {
    const update = await setUpUpdate({ settings: { "report.progress-seconds": 0 }, ...atOnce });
    const { service, server, request } = update;
    server.answer = (_request, response) => void response.writeHead(503, { "retry-after": "3600" }).end();
    await service.callMethod("firmwareUpdate", request);
    const waiting = async (): Promise<Json | undefined> =>
      at((await service.callMethod("getStatus", null)).payload, "update.delay.message");
    while ((await waiting()) === undefined);
    expect(await waiting()).toBe(
      `${server.origin}/board.img answered with status 503. Check the server, then request the update again.`,
    );
    expect(await service.callMethod("cancelFirmwareUpdate", null)).toMatchObject({ status: 200 });
    const reported = await service.untilReported("boardkeeper.update.phase", "cancelled");
    expect(at(reported, "boardkeeper.update.delay")).toBeUndefined();
    expect(server.requests).toHaveLength(1);
  });
});

describe("while an update runs", () => {
  /** A board that is held in the middle of its download. */
  async function downloading(options: TestBoardOptions = {}): Promise<UpdateSetup & { letGo: () => void }> {
    const gate = new Gate();
    const update = await setUpUpdate(options);
    update.server.answer = (request, response) => {
      response.writeHead(200, { "content-length": update.image.sizeBytes });
      response.write(update.image.content.subarray(0, 1_000));
      void gate.pass().then(() => (request.destroyed ? undefined : response.end(update.image.content.subarray(1_000))));
    };
    await update.service.callMethod("firmwareUpdate", { ...update.request, operationId: "op-1" });
    await gate.reached;
    return { ...update, letGo: () => gate.open() };
  }

  it("a second one is refused, the same one is already there, and methods are answered", async () => {
    const { service, request, letGo } = await downloading();
    const other = { ...request, fwVersion: "3.0.0" };
    expect(await service.callMethod("firmwareUpdate", other)).toMatchObject({
      status: 409,
      payload: { error: { code: "update-running" } },
    });
    expect(await service.callMethod("firmwareUpdate", request)).toMatchObject({
      status: 200,
      payload: { already: true, operationId: "op-1" },
    });
    expect(await service.callMethod("getStatus", null)).toMatchObject({
      status: 200,
      payload: { update: { phase: "downloading" } },
    });
    letGo();
    await service.untilReported("boardkeeper.update.phase", "completed");
    expect(await service.callMethod("firmwareUpdate", request)).toMatchObject({
      status: 200,
      payload: { already: true },
    });
  });

  it("a repeated call with its operation id gets its first answer, after restarts too", async () => {
    const { board, service, request, letGo } = await downloading();
    const first = { status: 200, payload: { Response: "Firmware update started", operationId: "op-1" } };
    const again = { status: 200, payload: { ...first.payload, repeated: true } };
    expect(await service.callMethod("firmwareUpdate", { ...request, operationId: "op-1" })).toStrictEqual(again);
    letGo();
    await service.untilReported("boardkeeper.update.phase", "completed");
    expect(await service.callMethod("firmwareUpdate", { ...request, operationId: "op-1" })).toStrictEqual(again);
    expect(board.boots).toBe(2);
  });

  it("it can be cancelled in the middle of its download, and leaves what has come for the next one", async () => {
    const { board, service, server, request } = await downloading();
    expect(await service.callMethod("cancelFirmwareUpdate", { operationId: "op-1" })).toMatchObject({ status: 200 });
    const reported = await service.untilReported("boardkeeper.update.phase", isEnd);
    expect(at(reported, "boardkeeper.update.phase")).toBe("cancelled");
    expect(at(reported, "iothubDM.firmwareUpdate.status")).toBe("waiting");
    expect(await service.callMethod("cancelFirmwareUpdate", null)).toMatchObject({ status: 404 });
    expect(server.requests).toHaveLength(1);
    const part = `${request.fwPackageCheckValue}.part`;
    expect((await leftOver(board)).sort()).toStrictEqual([part, `${part}.json`]);
  });

  it("a reboot in the middle of the download lets it begin again and complete", async () => {
    const { board, service, server, image, letGo } = await downloading();
    server.answer = serving(image);
    expect(await service.callMethod("rebootDevice", null)).toMatchObject({ status: 200 });
    const reported = await service.untilReported("boardkeeper.update.phase", isEnd);
    letGo();
    expect(at(reported, "boardkeeper.update")).toMatchObject({ phase: "completed", operationId: "op-1" });
    expect(board.boots).toBe(3);
  });
});

describe("an update that can be cancelled, or not any more", () => {
  it("accepted", async () => {
    const gate = new Gate();
    const { service, request } = await setUpUpdate({
      staging: (real) => overriding(real, { removeAllExcept: () => gate.pass() }),
    });
    await service.callMethod("firmwareUpdate", request);
    await gate.reached;
    expect(await service.callMethod("cancelFirmwareUpdate", null)).toMatchObject({ status: 200 });
    gate.open();
    await service.untilReported("boardkeeper.update.phase", "cancelled");
  });

  it("verifying", async () => {
    const gate = new Gate();
    const { service, request } = await setUpUpdate({
      staging: (real) => overriding(real, { promote: () => gate.pass() }),
    });
    await service.callMethod("firmwareUpdate", request);
    await gate.reached;
    expect(await service.callMethod("cancelFirmwareUpdate", null)).toMatchObject({ status: 200 });
    gate.open();
    await service.untilReported("boardkeeper.update.phase", "cancelled");
  });

  it("staged, waiting for the order", async () => {
    const { board, service, request } = await setUpUpdate();
    await service.callMethod("firmwareUpdate", { ...request, apply: "manual" });
    const staged = await service.untilReported("boardkeeper.update.phase", "staged");
    expect(at(staged, "boardkeeper.update.waitsFor")).toBe("order");
    expect(await leftOver(board)).toStrictEqual([`${request.fwPackageCheckValue}.image`]);
    expect(await service.callMethod("cancelFirmwareUpdate", null)).toMatchObject({ status: 200 });
    await service.untilReported("boardkeeper.update.phase", "cancelled");
    expect(await service.callMethod("applyFirmwareUpdate", null)).toMatchObject({ status: 404 });
  });

  it("staged, then ordered", async () => {
    const { service, request } = await setUpUpdate();
    expect(await service.callMethod("applyFirmwareUpdate", null)).toMatchObject({ status: 404 });
    await service.callMethod("firmwareUpdate", { ...request, apply: "manual" });
    await service.untilReported("boardkeeper.update.phase", "staged");
    expect(await service.callMethod("applyFirmwareUpdate", null)).toMatchObject({ status: 200 });
    await service.untilReported("boardkeeper.update.phase", "completed");
  });

  const late: [phase: string, verb: "arm" | "commit"][] = [
    ["rebooting", "arm"],
    ["proving", "commit"],
  ];
  it.each(late)("%s: too late, and no reboot meanwhile", async (phase, verb) => {
    const gate = new Gate();
    const { service, request } = await setUpUpdate({
      installer: (real) => ({
        ...real,
        [verb]: async (...args: Parameters<typeof real.arm>) => {
          await gate.pass();
          await real[verb](...args);
        },
      }),
    });
    await service.callMethod("firmwareUpdate", request);
    await service.untilReported("boardkeeper.update.phase", phase);
    await gate.reached;
    expect(await service.callMethod("cancelFirmwareUpdate", null)).toMatchObject({
      status: 409,
      payload: { error: { code: "too-late" } },
    });
    expect(await service.callMethod("rebootDevice", null)).toMatchObject({
      status: 409,
      payload: { error: { code: "update-running" } },
    });
    gate.open();
    await service.untilReported("boardkeeper.update.phase", "completed");
  });
});
