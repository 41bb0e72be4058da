import { describe, expect, it } from "vitest";
import { keyProblems, nearestKey } from "../../../../agent/contract/near-keys.ts";

const known = ["at", "force", "apply", "window", "delaySeconds", "fwPackageUri", "fwPackageURI", "operationId"];

describe("a key that is almost known", () => {
  it.each([
    ["Apply", "apply"],
    ["AT", "at"],
    ["FORCE", "force"],
    ["delaySecond", "delaySeconds"],
    ["delaysSeconds", "delaySeconds"],
    ["elaySeconds", "delaySeconds"],
    ["delaySecnods", "delaySeconds"],
    ["edlaySeconds", "delaySeconds"],
    ["delaySecondz", "delaySeconds"],
    ["xelaySeconds", "delaySeconds"],
    ["DelaySecond", "delaySeconds"],
    ["operation_id", "operationId"],
    ["operationIds", "operationId"],
    ["aply", "apply"],
    ["windows", "window"],
    ["fwPackageUrl", "fwPackageUri"],
    ["FwPackageUri", "fwPackageUri"],
  ])("%s: meant is %s", (key, meant) => {
    expect(nearestKey(key, known)).toBe(meant);
  });
});

describe("a key that is another word", () => {
  it.each([
    ...known,
    "a",
    "ate",
    "ta",
    "method_number",
    "",
    "secondsDelay",
    "delay",
    "applies",
    "widnwo",
    "windowsX",
    "payloads",
  ])("%s", (key) => {
    expect(nearestKey(key, known)).toBeUndefined();
  });
});

it("names each such key, and what was meant", () => {
  expect(keyProblems({ Apply: "now", method_number: "42", fwPackageUri: "x", delaySecond: 5 }, known)).toStrictEqual([
    "Apply: not a known key (did you mean apply?)",
    "delaySecond: not a known key (did you mean delaySeconds?)",
  ]);
});

describe("keys wrapped in another object", () => {
  it.each<[object, string]>([
    [{ payload: { delaySeconds: 5 } }, "without payload around it"],
    [{ payload: '{"delaySeconds":5}' }, "without payload around it"],
    [{ Payload: { delaySeconds: 5 }, more: 1 }, "without Payload around it"],
    [{ methodName: "rebootDevice", payload: {} }, "without methodName and payload around it"],
    [
      { methodName: "rebootDevice", payload: null, responseTimeoutInSeconds: 30 },
      "without methodName and payload around it",
    ],
  ])("%j", (object, words) => {
    expect(keyProblems({ ...object }, known)).toStrictEqual([expect.stringContaining(words)]);
  });

  it.each<[object, readonly string[]]>([
    [{ payload: 5 }, known],
    [{ payload: null }, known],
    [{ methodName: "rebootDevice" }, known],
    [{ payload: {} }, ["payload"]],
  ])("not %j", (object, keys) => {
    expect(keyProblems({ ...object }, keys)).toStrictEqual([]);
  });
});
