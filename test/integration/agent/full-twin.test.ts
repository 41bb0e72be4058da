import { expect, it } from "vitest";
import { mergePatch } from "../../../agent/contract/twin-patch.ts";
import { twinSize } from "../../../agent/contract/twin-size.ts";
import { ConnectionError } from "../../../agent/hub/connection-error.ts";
import { FakeBoard } from "../../support/fake-board.ts";
import { FakeHub } from "../../support/fake-hub.ts";
import { digest } from "../../support/updates.ts";

const minuteMs = 60_000;
const limitBytes = 32 * 1024;
const updateRequest = {
  fwPackageUri: "https://images.example/board.img",
  fwPackageCheckValue: digest,
  fwVersion: "2.0.0",
  operationId: "op-1",
};

/** A hub with the real one's limit, whose twin other software has filled up to so many bytes. */
function filledHub(roomBytes: number): FakeHub {
  const hub = new FakeHub();
  hub.reported = { theirs: "x".repeat(limitBytes - roomBytes - "theirs".length) };
  const { connect } = hub;
  hub.connect = async () => {
    const connection = await connect();
    return {
      ...connection,
      updateReported: async (patch) => {
        if (twinSize(mergePatch(hub.reported, patch)) > limitBytes)
          throw new ConnectionError("twin-full", "report: larger than the hub allows (403, 403100)");
        await connection.updateReported(patch);
      },
    };
  };
  return hub;
}

it("a full twin is said by getStatus, which knows how the update ended, while the connection stays", async () => {
  const hub = filledHub(50);
  const board = new FakeBoard(hub);
  await board.powerOn();
  await hub.call("firmwareUpdate", updateRequest);
  await board.time.advance(30 * minuteMs);
  expect(hub.at("boardkeeper")).toBeUndefined();
  const { payload } = await hub.call("getStatus", null);
  expect(payload).toMatchObject({
    update: { phase: "completed", operationId: "op-1" },
    link: {
      up: true,
      reporting: { state: "refused", message: expect.stringMatching(/other software has filled/) as string },
    },
  });
  expect(hub.attempts).toBeLessThanOrEqual(3); // One for each boot: a refusal does not end the connection.
});

it("the words that pollers wait for come through where there is room for them alone, and the rest when there is room", async () => {
  const hub = filledHub(1_100);
  const board = new FakeBoard(hub);
  await board.powerOn();
  await hub.call("firmwareUpdate", updateRequest);
  await board.time.advance(30 * minuteMs);
  expect(hub.reported).toMatchObject({
    firmwareStatus: "completed",
    iothubDM: { firmwareUpdate: { status: "applyComplete" } },
    boardkeeper: { firmwareVersion: "2.0.0", update: { phase: "completed", lastProven: { operationId: "op-1" } } },
  });
  expect(hub.at("boardkeeper.board")).toBeUndefined();
  hub.reported = mergePatch(hub.reported, { theirs: null });
  await board.time.advance(8 * 60 * minuteMs);
  expect(hub.at("boardkeeper.board.arch")).toBeDefined();
  const { payload } = await hub.call("getStatus", null);
  expect(payload).toMatchObject({ link: { reporting: { state: "complete" } } });
});
