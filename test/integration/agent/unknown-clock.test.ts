import { expect, it } from "vitest";
import { at } from "../../support/paths.ts";
import { FakeBoard } from "../../support/fake-board.ts";
import { settle } from "../../support/fake-time.ts";
import { FakeHub } from "../../support/fake-hub.ts";

/** A started board whose system says whether its clock is set when the test does. */
async function started(): Promise<{ hub: FakeHub; board: FakeBoard; answer: (isSet: boolean) => void }> {
  const hub = new FakeHub();
  const board = new FakeBoard(hub);
  let answer: (isSet: boolean) => void = () => undefined;
  const answered = new Promise<boolean>((resolve) => (answer = resolve));
  board.time.synchronized = () => answered;
  await board.powerOn();
  return { hub, board, answer };
}

it("connects and answers while the system does not yet say whether its clock is set", async () => {
  const { hub, board, answer } = await started();
  const { payload } = await hub.call("getStatus", {});
  expect(at(payload, "link.up")).toBe(true);
  expect(at(payload, "agent.clockSynchronized")).toBeNull();

  answer(true);
  await board.time.advance(1_000);
  expect(hub.at("boardkeeper.agent.clockSynchronized")).toBe(true);
});

it("a clock that is soon known costs no second report", async () => {
  const { hub, board, answer } = await started();
  await board.time.advance(500);
  expect(hub.history).toStrictEqual([]);
  answer(true);
  await settle();
  expect(hub.at("boardkeeper.agent.clockSynchronized")).toBe(true);
  expect(hub.history).toHaveLength(1);
});

it("the first report waits a second for the clock, and a second one corrects it", async () => {
  const { hub, board, answer } = await started();
  await board.time.advance(1_000);
  expect(hub.history).toHaveLength(1);
  expect(hub.at("boardkeeper.agent.bootId")).toBeDefined();
  expect(hub.at("boardkeeper.agent.clockSynchronized")).toBeUndefined();
  answer(true);
  await settle();
  expect(hub.at("boardkeeper.agent.clockSynchronized")).toBe(true);
  expect(hub.history).toHaveLength(2);
});
