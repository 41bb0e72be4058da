import { expect, it } from "vitest";
import { Turns } from "../../../../agent/lib/turns.ts";

const noSignal = new AbortController().signal;

it("lets one run after the other, also after a failure", async () => {
  const turns = new Turns();
  const done: string[] = [];
  let end = (): void => undefined;
  const first = turns.take(async () => {
    await new Promise<void>((resolve) => (end = resolve));
    done.push("first");
    throw new Error("failed");
  }, noSignal);
  const second = turns.take(async () => void done.push("second"), noSignal);
  await Promise.resolve();
  expect(done).toStrictEqual([]);
  end();
  await expect(first).rejects.toThrow("failed");
  await second;
  expect(done).toStrictEqual(["first", "second"]);
});

it("lets whoever waits give up, and keeps the order of the rest", async () => {
  const turns = new Turns();
  const done: string[] = [];
  let end = (): void => undefined;
  const first = turns.take(async () => await new Promise<void>((resolve) => (end = resolve)), noSignal);
  const stopping = new AbortController();
  const second = turns.take(async () => void done.push("second"), stopping.signal);
  const third = turns.take(async () => void done.push("third"), noSignal);
  stopping.abort(new Error("stopped"));
  await expect(second).rejects.toThrow("stopped");
  expect(done).toStrictEqual([]);
  end();
  await Promise.all([first, third]);
  await expect(turns.take(async () => void done.push("late"), stopping.signal)).rejects.toThrow("stopped");
  expect(done).toStrictEqual(["third"]);
});
