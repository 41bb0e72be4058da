import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  boardBootClock,
  createBoard,
  powerOn,
  readBoard,
  writeBoard,
  type SimulatedBoard,
} from "../../../../../agent/board/simulator/board.ts";
import { FakeTime } from "../../../../support/fake-time.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

describe("the boot loader of a simulated board", () => {
  const two: SimulatedBoard = { ...createBoard("1.0.0"), slots: { a: "1.0.0", b: "2.0.0" } };
  it.each<[what: string, before: SimulatedBoard, running: string]>([
    ["boots the default", two, "a"],
    ["tries what is on trial", { ...two, trial: "b" }, "b"],
    ["tries no empty slot", { ...two, trial: "b", slots: { a: "1.0.0", b: null } }, "a"],
    ["boots what was committed", { ...two, default: "b" }, "b"],
  ])("%s, and tries nothing the next time", (_what, before, running) => {
    const on = powerOn(before, "boot-1", 5);
    expect([on.running, on.trial, on.bootId]).toStrictEqual([running, null, "boot-1"]);
    expect(powerOn(on, "boot-2", 9).running).toBe(before.default);
  });
});

it("a simulated board's boot clock begins with each boot, and goes on for an agent that is started again", async () => {
  const machine = new FakeTime();
  const path = join(await temporaryFolder(), "board.json");
  const read = async (): Promise<number> => {
    const board = await readBoard(path);
    return board === undefined ? Number.NaN : boardBootClock(board, machine).nowMs();
  };
  await machine.advance(3_600_000);
  const on = powerOn(createBoard("1.0.0"), "boot-1", machine.nowMs());
  await writeBoard(path, on);
  expect(await read()).toBe(0);
  await machine.advance(700);
  expect(await read()).toBe(700);
  await writeBoard(path, powerOn(on, "boot-2", machine.nowMs()));
  expect(await read()).toBe(0);
});
