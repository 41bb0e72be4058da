import { describe, expect, it } from "vitest";
import { abortPrevious, delayOrAbort, withDeadline } from "../../../../agent/lib/abort.ts";
import { FakeTime } from "../../../support/fake-time.ts";

it("abortPrevious ends the one before with each next one, and the last with the agent", () => {
  const stopping = new AbortController();
  const next = abortPrevious(stopping.signal);
  const first = next();
  expect(first.aborted).toBe(false);
  const second = next();
  expect([first.aborted, second.aborted]).toStrictEqual([true, false]);
  stopping.abort();
  expect([second.aborted, next().aborted]).toStrictEqual([true, true]);
});

describe("delayOrAbort", () => {
  it("resolves after the delay", async () => {
    const time = new FakeTime();
    const delay = delayOrAbort(time, 100, new AbortController().signal);
    await time.advance(100);
    await expect(delay).resolves.toBeUndefined();
  });

  it("resolves when the signal aborts", async () => {
    const stopping = new AbortController();
    const delay = delayOrAbort(new FakeTime(), 100, stopping.signal);
    stopping.abort();
    await expect(delay).resolves.toBeUndefined();
  });

  it("rejects when the timer fails for another reason", async () => {
    const broken = { after: () => Promise.reject(new Error("no timer")) };
    await expect(delayOrAbort(broken, 100, new AbortController().signal)).rejects.toThrow("no timer");
  });
});

describe("withDeadline", () => {
  const late = (): Error => new Error("late");

  it("settles as the work does, and leaves no timer behind", async () => {
    const time = new FakeTime();
    await expect(withDeadline(Promise.resolve(1), { timer: time, withinMs: 100, late })).resolves.toBe(1);
    const broken = Promise.reject(new Error("broken"));
    await expect(withDeadline(broken, { timer: time, withinMs: 100, late })).rejects.toThrow("broken");
    expect(time.sleepers).toBe(0);
  });

  it("rejects when the time is up", async () => {
    const time = new FakeTime();
    const work = withDeadline(new Promise(() => undefined), { timer: time, withinMs: 100, late });
    const outcome = work.catch((cause: unknown) => cause);
    await time.advance(100);
    expect(await outcome).toMatchObject({ message: "late" });
  });

  it("rejects with the signal's reason, before or while it waits", async () => {
    const time = new FakeTime();
    const stopping = new AbortController();
    const asked = { timer: time, withinMs: 100, late, signal: stopping.signal };
    const outcome = withDeadline(new Promise(() => undefined), asked).catch((cause: unknown) => cause);
    stopping.abort(new Error("stopped"));
    expect(await outcome).toMatchObject({ message: "stopped" });
    await expect(withDeadline(new Promise(() => undefined), asked)).rejects.toThrow("stopped");
    expect(time.sleepers).toBe(0);
  });
});
