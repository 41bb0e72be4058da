import { expect, it } from "vitest";
import { AgentError } from "../../../agent/lib/errors.ts";
import { FakeBoard, type FakeBoardOptions } from "../../support/fake-board.ts";
import { FakeHub } from "../../support/fake-hub.ts";
import { digest } from "../../support/updates.ts";

/* Whose configuration is the last known good one: that of a system that is proven, never of one on trial. */

const minuteMs = 60_000;
const update = {
  fwPackageUri: "https://images.example/board.img",
  fwPackageCheckValue: digest,
  fwVersion: "2.0.0",
  operationId: "op-1",
};

async function boardThatUpdates(options?: FakeBoardOptions): Promise<{ board: FakeBoard; hub: FakeHub }> {
  const hub = new FakeHub();
  const board = new FakeBoard(hub, options);
  await board.powerOn();
  await board.ask("firmwareUpdate", update);
  return { board, hub };
}

async function untilPhase(board: FakeBoard, phase: string): Promise<void> {
  for (let passedMs = 0; passedMs < 90 * minuteMs && board.saved?.update.phase !== phase; passedMs += 1_000)
    await board.time.advance(1_000);
  expect(board.saved?.update.phase).toBe(phase);
}

it("a system on trial that reaches its hub stores nothing until it is committed", async () => {
  const { board } = await boardThatUpdates();
  await untilPhase(board, "proving");
  expect(board.configurationsOf).toStrictEqual(["1.0.0"]);
  await untilPhase(board, "completed");
  expect(board.configurationsOf).toStrictEqual(["1.0.0", "2.0.0"]);
});

it("nor does its agent when it starts again, or connects again", async () => {
  const { board, hub } = await boardThatUpdates();
  await untilPhase(board, "proving");
  await board.restartAgent();
  hub.cut();
  hub.isReachable = true;
  await board.time.advance(minuteMs / 4);
  expect(board.saved?.update.phase).toBe("proving");
  expect(board.configurationsOf).toStrictEqual(["1.0.0"]);
});

it("a system that is rolled back has stored nothing", async () => {
  const { board, hub } = await boardThatUpdates();
  await untilPhase(board, "proving");
  hub.cut();
  await untilPhase(board, "reverting");
  hub.isReachable = true;
  await untilPhase(board, "rolledBack");
  await board.time.advance(10 * minuteMs);
  expect([...new Set(board.configurationsOf)]).toStrictEqual(["1.0.0"]);
});

it("a service on trial, or on its way back, stores nothing", async () => {
  const { board, hub } = await boardThatUpdates({ restart: "service" });
  board.revertFailure = new AgentError("installer-failed", "The old slot could not be chosen.");
  await untilPhase(board, "proving");
  hub.cut();
  await untilPhase(board, "reverting");
  hub.isReachable = true;
  await board.time.advance(minuteMs);
  expect(board.saved?.update.phase).toBe("reverting");
  expect(board.configurationsOf).toStrictEqual(["1.0.0"]);
});

it("each connection of a board at rest stores it", async () => {
  const { board, hub } = await boardThatUpdates();
  await untilPhase(board, "completed");
  const before = board.configurationsOf.length;
  hub.cut();
  hub.isReachable = true;
  await board.time.advance(10 * minuteMs);
  expect(board.configurationsOf.slice(before)).toStrictEqual(["2.0.0"]);
});
