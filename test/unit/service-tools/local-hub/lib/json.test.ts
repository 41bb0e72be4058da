import { describe, expect, it } from "vitest";
import { parseJson } from "../../../../../service-tools/local-hub/lib/json.ts";

const nested = (levels: number, open: string, close: string): string => `${open.repeat(levels)}${close.repeat(levels)}`;

describe("JSON from outside", () => {
  it.each([
    ['{"a":[1,null,"x"]}', { a: [1, null, "x"] }],
    ["null", null],
    ["", undefined],
    ["{", undefined],
    ["NaN", undefined],
  ])("%s", (text, value) => {
    expect(parseJson(text)).toEqual(value);
  });

  it("may nest 64 levels deep and no deeper, however it is made up", () => {
    expect(parseJson(nested(64, "[", "]"))).toBeDefined();
    expect(parseJson(nested(65, "[", "]"))).toBeUndefined();
    expect(parseJson(nested(100_000, "[", "]"))).toBeUndefined();
    expect(parseJson(`{"a":${nested(64, "[", "]")}}`)).toBeUndefined();
  });

  it("does not count what stands side by side", () => {
    expect(parseJson(JSON.stringify(Array.from({ length: 1000 }, () => [[]])))).toBeDefined();
  });
});
