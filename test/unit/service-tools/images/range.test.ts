import { describe, expect, it } from "vitest";
import { ifNoneMatchMatches, ifRangeMatches, parseRange } from "../../../../service-tools/images/range.ts";

const whole = { kind: "whole" };
const unsatisfiable = { kind: "unsatisfiable" };
const part = (first: number, last: number): object => ({ kind: "part", first, last });

describe("a Range header, of 1000 bytes", () => {
  it.each([
    [undefined, whole],
    ["bytes=0-0", part(0, 0)],
    ["bytes=0-499", part(0, 499)],
    ["bytes=500-", part(500, 999)],
    ["bytes=999-999", part(999, 999)],
    ["bytes=900-5000", part(900, 999)],
    ["bytes=-100", part(900, 999)],
    ["bytes=-5000", part(0, 999)],
    ["bytes = 5 - 6", part(5, 6)],
    ["bytes=1000-", unsatisfiable],
    ["bytes=1000-1001", unsatisfiable],
    ["bytes=-0", unsatisfiable],
    ["bytes=9-5", whole],
    ["bytes=-", whole],
    ["bytes=a-b", whole],
    ["bytes=0-1,5-6", whole],
    ["items=0-5", whole],
  ])("%s", (header, expected) => {
    expect(parseRange(header, 1000)).toEqual(expected);
  });

  it("of an empty file cannot be had", () => {
    expect(parseRange("bytes=0-", 0)).toEqual(unsatisfiable);
    expect(parseRange("bytes=-5", 0)).toEqual(unsatisfiable);
    expect(parseRange(undefined, 0)).toEqual(whole);
  });
});

describe("an If-Range header", () => {
  const modifiedMs = Date.parse("2026-01-02T03:04:05.678Z");

  it.each([
    [undefined, true],
    ['"abc"', true],
    ['"abd"', false],
    ['W/"abc"', false],
    ["Fri, 02 Jan 2026 03:04:05 GMT", true],
    ["Fri, 02 Jan 2026 03:04:06 GMT", false],
    ["yesterday", false],
  ])("%s: %s", (header, expected) => {
    expect(ifRangeMatches(header, '"abc"', modifiedMs)).toBe(expected);
  });
});

describe("an If-None-Match header", () => {
  it.each([
    [undefined, false],
    ['"abc"', true],
    ['W/"abc"', true],
    ['"x", "abc"', true],
    ["*", true],
    ['"x"', false],
  ])("%s: %s", (header, expected) => {
    expect(ifNoneMatchMatches(header, '"abc"')).toBe(expected);
  });
});
