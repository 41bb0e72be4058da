import { describe, expect, it } from "vitest";
import {
  createMirrors,
  scheduleRetry,
  mustAbortAttempt,
  deadlinePassed,
  nextMirror,
  type Mirror,
} from "../../../../agent/download/mirror-policy.ts";

const fresh: Mirror = { uri: "https://a/x", tries: 0, failures: 0, readyAtMs: 0, abandoned: false };
const setback = { gainedBytes: 0, retryAfterMs: null };
const soon = { nowMs: 1_000_000, elapsedMs: 0, deadlineMs: 86_400_000, random: 0 };
const hour = 3_600_000;
const MiB = 2 ** 20;

describe("the wait after a setback", () => {
  const waits = (random: number): number[] => {
    let address = fresh;
    return Array.from({ length: 13 }, () => {
      address = scheduleRetry(address, setback, { ...soon, random });
      return address.readyAtMs - soon.nowMs;
    });
  };

  it("grows from seconds to ten minutes, by chance anywhere below", () => {
    expect(waits(1).map((ms) => ms / 1_000)).toStrictEqual([2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600, 600, 600]);
    expect(waits(0.5).map((ms) => ms / 1_000)).toStrictEqual([
      1.5, 2.5, 4.5, 8.5, 16.5, 32.5, 64.5, 128.5, 256.5, 300.5, 300.5, 300.5, 300.5,
    ]);
    expect(new Set(waits(0))).toStrictEqual(new Set([1_000]));
  });

  it.each<[what: string, address: Partial<Mirror>, setback: object, options: object, waitMs: number]>([
    ["begins small again after progress", { failures: 9 }, { gainedBytes: MiB }, { random: 1 }, 2_000],
    ["takes a few bytes for no progress", { failures: 9 }, { gainedBytes: 1_000 }, { random: 1 }, 600_000],
    ["is what the server asks for", {}, { retryAfterMs: 2 * hour }, {}, 2 * hour],
    ["is not shorter because the server asks for less", { failures: 9 }, { retryAfterMs: 1 }, { random: 1 }, 600_000],
    ["never passes the deadline", {}, { retryAfterMs: 48 * hour }, { elapsedMs: 23 * hour }, hour],
    ["is none at the deadline", {}, {}, { elapsedMs: 25 * hour }, 0],
  ])("%s", (_what, address, setBack, policy, waitMs) => {
    const after = scheduleRetry({ ...fresh, ...address }, { ...setback, ...setBack }, { ...soon, ...policy });
    expect(after.readyAtMs - soon.nowMs).toBe(waitMs);
  });
});

describe("the next address", () => {
  const three = createMirrors(["a", "b", "c"]);
  const waiting = (readyAtMs: number): Mirror => ({ ...fresh, readyAtMs });
  const at = (...readyAtMs: number[]): Mirror[] => readyAtMs.map(waiting);
  it.each<[what: string, addresses: Mirror[], last: number, next: number | undefined]>([
    ["is the first at first", three, -1, 0],
    ["is the one after the last", three, 0, 1],
    ["is the first after the last of them", three, 2, 0],
    ["is the only one again", at(900), 0, 0],
    ["is the one that need not wait", at(900, 600, 50), 0, 2],
    ["is the one that waits least", at(900, 600, 700), 1, 1],
    ["makes no difference between those that need not wait", at(50, 10, 90), 0, 1],
    ["is none that has ended", [{ ...fresh, abandoned: true }, ...at(900)], 1, 1],
    ["is none when all have ended", [{ ...fresh, abandoned: true }], 0, undefined],
  ])("%s", (_what, addresses, last, next) => {
    expect(nextMirror(addresses, last, 100)).toBe(next);
  });
});

describe("the deadline", () => {
  const tried = { ...fresh, tries: 1 };
  it.each<[what: string, addresses: Mirror[], elapsedMs: number, over: boolean]>([
    ["is not reached yet", [tried], 99, false],
    ["is reached", [tried], 100, true],
    ["lets each address be asked once", [tried, fresh], 200, false],
    ["does not wait for one that has ended", [tried, { ...fresh, abandoned: true }], 100, true],
  ])("%s", (_what, addresses, elapsedMs, over) => {
    expect(deadlinePassed(addresses, elapsedMs, 100)).toBe(over);
  });
});

it.each<[elapsedMs: number, deadlineMs: number, ends: boolean]>([
  [99, 100, false],
  [100, 100, true],
  [101, 100, true],
  [0, 0, false],
  [1, 0, false],
])("after %i ms of %i, a try that is under way ends: %s", (elapsedMs, deadlineMs, ends) => {
  expect(mustAbortAttempt(elapsedMs, deadlineMs)).toBe(ends);
});
