import { expect, it } from "vitest";
import { canonicalJson, NotCanonical } from "../../../../agent/trust/canonical-json.ts";

const nested = (levels: number): unknown => JSON.parse("[".repeat(levels) + "]".repeat(levels));

it.each([
  ['{"b":1,"a":[true,false,null]}', '{"a":[true,false,null],"b":1}'],
  ['{"B":1,"a":2,"_":3,"":4}', '{"":4,"B":1,"_":3,"a":2}'],
  [String.raw`"quote \" backslash \\ line \n é 😀"`, String.raw`"quote \" backslash \\ line ${"\n"} é 😀"`],
  ["-0", "0"],
  ["-12", "-12"],
  ["9007199254740991", "9007199254740991"],
  ['{"__proto__":{"a":1},"constructor":2}', '{"__proto__":{"a":1},"constructor":2}'],
])("%s", (json, canonical) => {
  expect(canonicalJson(JSON.parse(json))).toBe(canonical);
});

it.each([
  ["a fraction", 1.5],
  ["a number that JavaScript does not hold exactly", 9_007_199_254_740_992],
  ["infinity", JSON.parse("1e999")],
  ["half of a character", "\ud800"],
  ["half of a character in a key", { "a\udc00": 1 }],
  ["more than 16 levels", nested(18)],
])("%s has no canonical form", (_what, value) => {
  expect(() => canonicalJson({ value })).toThrow(NotCanonical);
});

it("16 levels have one", () => {
  expect(canonicalJson(nested(17))).toBe("[".repeat(17) + "]".repeat(17));
});
