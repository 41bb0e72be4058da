import { expect, it } from "vitest";
import type { Json } from "../../../agent/contract/json.ts";
import { FakeBoard } from "../../support/fake-board.ts";
import { FakeHub } from "../../support/fake-hub.ts";
import { digest } from "../../support/updates.ts";

const minuteMs = 60_000;

/** The order in which an update may be seen; of its phases any may be missing, none may come back. */
const journey = [
  "idle",
  "accepted",
  "downloading",
  "verifying",
  "staged",
  "applying",
  "rebooting",
  "proving",
  "completed",
];

async function setup(): Promise<{ hub: FakeHub; board: FakeBoard }> {
  const hub = new FakeHub();
  const board = new FakeBoard(hub);
  await board.powerOn();
  const reply = await hub.call("firmwareUpdate", {
    fwPackageUri: "https://images.example/board.img",
    fwPackageCheckValue: digest,
    fwVersion: "2.0.0",
    operationId: "op-1",
  });
  expect(reply.status).toBe(200);
  return { hub, board };
}

/** Each ten seconds of an undisturbed update and a little more: every phase is met somewhere. */
const moments = Array.from({ length: 22 }, (_, index) => index * 10_000);

it.each(moments)("completes over an outage of ten minutes that begins after %i ms", async (beginsMs) => {
  const { hub, board } = await setup();
  await board.time.advance(beginsMs);
  hub.cut();
  await board.time.advance(10 * minuteMs);
  hub.isReachable = true;
  await board.time.advance(15 * minuteMs);

  expect(board.installs).toStrictEqual(["op-1"]);
  expect(board.boots).toBe(2);
  expect(hub.at("boardkeeper.update.phase")).toBe("completed");
  expect(hub.at("firmwareStatus")).toBe("completed");
  expect(hub.at("iothubDM.firmwareUpdate.status")).toBe("applyComplete");
  expect(hub.at("firmware.fwUpdateStatus")).toBe("current");
  expect(hub.at("firmware.currentFwVersion")).toBe("2.0.0");
  const phases = hub.history.map((reported): Json | undefined => hub.at("boardkeeper.update.phase", reported));
  const places = phases.map((phase) => journey.findIndex((one) => one === phase));
  expect(places).toStrictEqual(places.toSorted((a, b) => a - b));
});

it("connects soon after the network comes, however long that took", async () => {
  const hub = new FakeHub();
  hub.isReachable = false;
  const board = new FakeBoard(hub);
  await board.powerOn();
  await board.time.advance(3 * 24 * 60 * minuteMs);
  expect(hub.attempts).toBeGreaterThan(10_000);
  hub.isReachable = true;
  await board.time.advance(10_000);
  expect(hub.at("boardkeeper.update.phase")).toBe("idle");
});
