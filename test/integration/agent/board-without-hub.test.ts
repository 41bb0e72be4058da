import { expect, it } from "vitest";
import { at } from "../../support/paths.ts";
import { FakeBoard } from "../../support/fake-board.ts";
import { FakeHub } from "../../support/fake-hub.ts";
import { digest } from "../../support/updates.ts";

const request = {
  fwPackageUri: "file:///media/usb/board.img",
  fwPackageCheckValue: digest,
  fwVersion: "2.0.0",
  operationId: "op-1",
};

it("an update that is asked for on the board completes without a hub, measured by how the link was before", async () => {
  const hub = new FakeHub();
  hub.isReachable = false;
  const board = new FakeBoard(hub);
  await board.powerOn();
  const asked = board.ask("firmwareUpdate", request); // Answered when the hub has been given time to hear of it.
  await board.time.advance(30 * 60_000);
  expect((await asked).status).toBe(200);
  const { payload } = await board.ask("getStatus", {});
  expect(at(payload, "update")).toMatchObject({ phase: "completed", version: "2.0.0" });
  expect(at(payload, "link.up")).toBe(false);
  expect(board.boots).toBe(2);
});

it("the hub cannot name a file of the board's", async () => {
  const hub = new FakeHub();
  const board = new FakeBoard(hub);
  await board.powerOn();
  const { status, payload } = await hub.call("firmwareUpdate", request);
  expect(status).toBe(400);
  expect(at(payload, "error.code")).toBe("bad-address");
});
