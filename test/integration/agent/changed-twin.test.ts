import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../agent/contract/json.ts";
import { FakeBoard } from "../../support/fake-board.ts";
import { FakeHub } from "../../support/fake-hub.ts";
import { digest } from "../../support/updates.ts";

/*
 * A twin that changed without its board: its hub was restored from a backup, its device was created anew, or another board
 * wrote into it.
 */

const minuteMs = 60_000;
const hourMs = 3_600_000;
const updateRequest = {
  fwPackageUri: "https://images.example/board.img",
  fwPackageCheckValue: digest,
  fwVersion: "2.0.0",
  operationId: "op-1",
};

interface Setup {
  readonly hub: FakeHub;
  readonly board: FakeBoard;
  /** What the twin says of a board that has updated itself. */
  readonly reported: JsonObject;
}

async function updatedBoard(): Promise<Setup> {
  const hub = new FakeHub();
  const board = new FakeBoard(hub);
  await board.powerOn();
  await hub.call("firmwareUpdate", updateRequest);
  await board.time.advance(30 * minuteMs);
  expect(hub.at("boardkeeper.update.phase")).toBe("completed");
  return { hub, board, reported: hub.reported };
}

const changes: [what: string, change: (setup: Setup) => void][] = [
  ["empty", ({ hub }) => (hub.reported = {})],
  ["an older one of this board", ({ hub }) => (hub.reported = hub.history[2] ?? {})],
  [
    "another board's",
    ({ hub, reported }) => {
      const { boardkeeper } = reported as { boardkeeper: JsonObject };
      const update = { phase: "failed", operationId: "theirs", error: { code: "no-space", message: "Full." } };
      hub.reported = { ...reported, firmwareStatus: "standBy", boardkeeper: { ...boardkeeper, update } };
    },
  ],
  ["no longer an object where one was", ({ hub }) => (hub.reported = { ...hub.reported, boardkeeper: "gone" })],
];

describe("a twin that is suddenly", () => {
  it.each(changes)("%s is put right when the board connects", async (_what, change) => {
    const setup = await updatedBoard();
    const { hub, board, reported } = setup;
    hub.cut();
    change(setup);
    hub.isReachable = true;
    await board.time.advance(2 * minuteMs);
    expect(hub.reported).toMatchObject(reported);
  });

  it.each(changes)("%s is put right within hours while the board stays connected", async (_what, change) => {
    const setup = await updatedBoard();
    const { hub, board, reported } = setup;
    const { attempts } = hub;
    change(setup);
    await board.time.advance(8 * hourMs);
    expect(hub.reported).toMatchObject(reported);
    expect(hub.attempts).toBe(attempts);
  });
});

it("a twin that holds the truth gets no patch, however often the board connects", async () => {
  const { hub, board } = await updatedBoard();
  const patches = hub.history.length;
  for (let time = 0; time < 3; time += 1) {
    hub.cut();
    hub.isReachable = true;
    await board.time.advance(2 * minuteMs);
  }
  await board.time.advance(8 * hourMs);
  expect(hub.history).toHaveLength(patches);
});

it("what other software keeps in the twin stays", async () => {
  const { hub, board, reported } = await updatedBoard();
  hub.cut();
  hub.reported = { theirs: { a: 1 }, boardkeeper: { theirs: 2 } };
  hub.isReachable = true;
  await board.time.advance(2 * minuteMs);
  expect(hub.reported).toMatchObject({ ...reported, theirs: { a: 1 } });
  expect(hub.at("boardkeeper.theirs")).toBe(2);
});
