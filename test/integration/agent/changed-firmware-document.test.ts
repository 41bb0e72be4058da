import { stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../agent/contract/json.ts";
import { AgentError } from "../../../agent/lib/errors.ts";
import { cronOpenings } from "../../../agent/maintenance/cron.ts";
import { FakeBoard } from "../../support/fake-board.ts";
import { FakeHub } from "../../support/fake-hub.ts";
import { Gate } from "../../support/gate.ts";
import { servingParts } from "../../support/image-server.ts";
import { leftOver, setUpUpdate } from "../../support/update-setup.ts";
import { digest } from "../../support/updates.ts";

/* A whole agent over fakes of its ports, and once with a real hub and server. It is Friday, three o'clock at night. */

const minuteMs = 60_000;
const a = "https://images.example/a.img?sig=1";
const b = "https://images.example/b.img?sig=2";
const firmware = { fwVersion: "2.0.0", fwPackageURI: a, fwPackageCheckValue: digest };
const unreachable = new AgentError("unreachable", "No answer.");

async function setup(): Promise<{ hub: FakeHub; board: FakeBoard; declare: (changes: JsonObject | null) => void }> {
  await cronOpenings({ cron: "0 2 * * *", timezone: "UTC" }); // Loading the package takes time that is not the board's.
  const hub = new FakeHub();
  const board = new FakeBoard(hub, {
    settings: { "maintenance.windows": [{ cron: "0 2 * * *", duration: "1h", splay: "0m" }] },
  });
  await board.powerOn();
  const declare = (changes: JsonObject | null): void =>
    hub.replaceDesired(changes === null ? {} : { firmware: { ...firmware, ...changes } });
  return { hub, board, declare };
}

describe("a declared update whose document changes", () => {
  it("goes on with the download at the new address, as the same operation", async () => {
    const { hub, board, declare } = await setup();
    declare({});
    await board.time.advance(30_000);
    const { operationId, acceptedAt } = hub.at("boardkeeper.update") as JsonObject;
    declare({ fwPackageURI: b });
    await board.time.advance(10 * minuteMs);
    expect(board.fetches).toStrictEqual([[a], [b]]);
    expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "completed", operationId, acceptedAt });
    expect([board.installs, board.boots]).toStrictEqual([[operationId], 2]);
  });

  it("is applied at once where it waited for a window, and waits for one where it was to be applied at once", async () => {
    const { hub, board, declare } = await setup();
    declare({ apply: "window" });
    await board.time.advance(5 * minuteMs);
    expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "staged", waitsFor: "window" });
    declare({ apply: "manual" });
    await board.time.advance(minuteMs);
    expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "staged", waitsFor: "order" });
    declare({ apply: "now" });
    await board.time.advance(10 * minuteMs);
    expect(hub.at("boardkeeper.update.phase")).toBe("completed");

    declare({ fwVersion: "3.0.0" });
    await board.time.advance(30_000);
    declare({ fwVersion: "3.0.0", apply: "window" });
    await board.time.advance(10 * minuteMs);
    expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "staged", version: "3.0.0", waitsFor: "window" });
    expect(board.fetches).toHaveLength(2);
  });

  it("waits for the window where it was about to be applied: the board only asked which version runs", async () => {
    const { hub, board, declare } = await setup();
    const version = new Gate();
    board.startHold = version.pass();
    declare({});
    await board.time.advance(5 * minuteMs);
    expect(hub.at("boardkeeper.update.phase")).toBe("staged");
    declare({ apply: "window" });
    await board.time.advance(minuteMs);
    version.open();
    await board.time.advance(10 * minuteMs);
    expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "staged", waitsFor: "window" });
    expect(board.installs).toStrictEqual([]);
  });

  it("has until another time to begin, and is not begun again when that comes too late", async () => {
    const { hub, board, declare } = await setup();
    declare({ apply: "manual", startBy: "2026-01-02T04:00:00Z" });
    await board.time.advance(10 * minuteMs);
    declare({ apply: "manual", startBy: "2026-01-02T05:00:00Z" });
    await board.time.advance(90 * minuteMs);
    expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "staged", startBy: "2026-01-02T05:00:00.000Z" });
    await board.time.advance(60 * minuteMs);
    expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "cancelled", error: { code: "lease-expired" } });
    declare({ apply: "now", startBy: "2026-01-02T09:00:00Z", fwPackageURI: b });
    await board.time.advance(10 * minuteMs);
    expect([hub.at("boardkeeper.update.phase"), board.installs]).toStrictEqual(["cancelled", []]);
  });

  it("does not take back an order to apply it", async () => {
    const { hub, board, declare } = await setup();
    declare({ apply: "manual" });
    await board.time.advance(5 * minuteMs);
    expect((await hub.call("applyFirmwareUpdate", {})).status).toBe(200);
    declare({ apply: "manual", fwPackageURI: b });
    await board.time.advance(10 * minuteMs);
    expect(hub.at("boardkeeper.update.phase")).toBe("completed");
  });

  it("is proven all the same, and stays proven across restarts", async () => {
    const { hub, board, declare } = await setup();
    declare({});
    await board.time.advance(2 * minuteMs);
    expect(hub.at("boardkeeper.update.phase")).toBe("proving");
    declare({ fwPackageURI: b, apply: "window" });
    await board.time.advance(10 * minuteMs);
    await board.restartAgent();
    await board.time.advance(minuteMs);
    expect(hub.at("boardkeeper.update.phase")).toBe("completed");
    expect([board.fetches, board.boots]).toStrictEqual([[[a]], 2]);
  });

  it("is not installed again after a rollback, whatever changes but its id", async () => {
    const { hub, board, declare } = await setup();
    board.unbootableVersion = "2.0.0";
    declare({});
    await board.time.advance(10 * minuteMs);
    expect(hub.at("boardkeeper.update.phase")).toBe("rolledBack");
    for (const changes of [{ fwPackageURI: b }, { apply: "window" }, { mirrors: [b] }, null, { fwPackageURI: b }, {}]) {
      declare(changes);
      await board.time.advance(10 * minuteMs);
      await board.restartAgent();
    }
    expect([hub.at("boardkeeper.update.phase"), board.installs.length]).toStrictEqual(["rolledBack", 1]);
    board.unbootableVersion = undefined;
    declare({ operationId: "again" });
    await board.time.advance(10 * minuteMs);
    expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "completed", operationId: "again" });
  });

  it("starts again at a new address after it has failed while fetching, with the same id too", async () => {
    const { hub, board, declare } = await setup();
    board.fetchFailure = unreachable;
    declare({ operationId: "op-1" });
    await board.time.advance(5 * minuteMs);
    expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "failed", error: { code: "unreachable" } });
    declare({ operationId: "op-1", apply: "window" });
    await board.time.advance(5 * minuteMs);
    expect(board.fetches).toHaveLength(1);
    board.fetchFailure = undefined;
    declare({ operationId: "op-1", fwPackageURI: b });
    await board.time.advance(10 * minuteMs);
    expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "completed", operationId: "op-1" });
    expect(board.fetches).toStrictEqual([[a], [b]]);
  });

  it("stays cancelled where an operator has cancelled it, also with a newly signed address", async () => {
    const { hub, board, declare } = await setup();
    declare({});
    await board.time.advance(30_000);
    expect((await hub.call("cancelFirmwareUpdate", {})).status).toBe(200);
    declare({ fwPackageURI: b });
    await board.time.advance(10 * minuteMs);
    expect([hub.at("boardkeeper.update.phase"), board.fetches]).toStrictEqual(["cancelled", [[a]]]);
  });

  it("is withdrawn as any other after its document has changed", async () => {
    const { hub, board, declare } = await setup();
    declare({ apply: "manual" });
    await board.time.advance(5 * minuteMs);
    declare({ apply: "manual", fwPackageURI: b });
    await board.time.advance(minuteMs);
    declare(null);
    await board.time.advance(minuteMs);
    expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "cancelled", error: { code: "withdrawn" } });
    declare({});
    await board.time.advance(10 * minuteMs);
    expect(hub.at("boardkeeper.update.phase")).toBe("completed");
    expect(hub.at("boardkeeper.update")).not.toHaveProperty("error");
    expect(board.history.filter(({ kind }) => kind === "update")).toMatchObject([
      { outcome: "cancelled", error: { code: "withdrawn" } },
      { outcome: "completed" },
    ]);
  });
});

it("a download goes on at a changed address with the bytes that it has", async () => {
  const { service, server, image, board } = await setUpUpdate();
  const half = image.sizeBytes / 2;
  // The first address sends half of the image, and then nothing.
  server.answer = (request, response) => {
    if (request.url === "/b.img") return servingParts(image)(request, response);
    response.writeHead(200, { "content-length": image.sizeBytes }).write(image.content.subarray(0, half));
  };
  const declared = { fwVersion: "2.0.0", fwPackageCheckValue: image.sha256 };
  await service.setDesired({ firmware: { ...declared, fwPackageURI: `${server.origin}/a.img` } });
  const sizes = async (): Promise<number[]> => {
    const parts = (await leftOver(board)).filter((name) => name.endsWith(".part"));
    return await Promise.all(parts.map(async (name) => (await stat(join(board.stagingFolder, name))).size));
  };
  await expect.poll(sizes).toContain(half);
  await service.setDesired({ firmware: { ...declared, fwPackageURI: `${server.origin}/b.img` } });
  await service.untilReported("boardkeeper.update.phase", "completed");
  expect(server.requests.map(({ url, headers: { range } }) => [url, range])).toStrictEqual([
    ["/a.img", undefined],
    ["/b.img", `bytes=${half}-`],
  ]);
});
