import { expect, it } from "vitest";
import { Latest } from "../../../../agent/lib/abort.ts";

it("ends the one before with each next one, and the last with the agent", () => {
  const stopping = new AbortController();
  const latest = new Latest(stopping.signal);
  const first = latest.next();
  expect(first.aborted).toBe(false);
  const second = latest.next();
  expect([first.aborted, second.aborted]).toStrictEqual([true, false]);
  stopping.abort();
  expect([second.aborted, latest.next().aborted]).toStrictEqual([true, true]);
});
