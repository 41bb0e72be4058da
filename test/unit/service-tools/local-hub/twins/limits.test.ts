import { describe, expect, it } from "vitest";
import type { Json, JsonObject } from "../../../../../service-tools/local-hub/lib/json.ts";
import { checkContent, checkSize } from "../../../../../service-tools/local-hub/twins/limits.ts";

/** An object in an object …, that many levels below the section, with a scalar in the innermost. */
function nested(levels: number): JsonObject {
  let inner: JsonObject = { leaf: 1 };
  for (let level = 0; level < levels; level += 1) inner = { level: inner };
  return inner;
}

const KEY_RULE = "Must not contain Control Characters, '.', '$', '#', or ' '.";

const allowed: { what: string; value: JsonObject }[] = [
  { what: "an empty document", value: {} },
  { what: "a key of 1024 bytes", value: { ["k".repeat(1024)]: 1 } },
  { what: "keys beyond ASCII, and with dashes and slashes", value: { größe: 1, "a-b/c:d": 1 } },
  { what: "the key ''", value: { "": 1 } },
  { what: "a string of 4096 bytes", value: { a: "x".repeat(4096) } },
  { what: "the smallest and the largest integer", value: { a: -4503599627370496, b: 4503599627370495 } },
  { what: "fractions", value: { a: -12.75, b: 1e-300 } },
  { what: "null, which removes", value: { a: null, b: { c: null } } },
  { what: "objects nested ten deep, a scalar in the tenth", value: nested(10) },
  { what: "arrays of objects", value: { a: [{ b: 1 }, [2]] } },
];

const refusedContent: { what: string; value: JsonObject; says: string }[] = [
  { what: "a dot in a key", value: { "a.b": 1 }, says: `Error in Property/Tag a.b. ${KEY_RULE}` },
  { what: "a dollar in a key", value: { $version: 1 }, says: `Error in Property/Tag $version. ${KEY_RULE}` },
  { what: "a hash in a key", value: { "m2(<#a": 1 }, says: `Error in Property/Tag m2(<#a. ${KEY_RULE}` },
  { what: "a space in a key", value: { "a b": 1 }, says: KEY_RULE },
  { what: "a C0 control character in a key", value: { "a\u0007": 1 }, says: KEY_RULE },
  { what: "a C1 control character in a key", value: { "a\u0085": 1 }, says: KEY_RULE },
  { what: "such a key inside an object", value: { a: { "b.c": 1 } }, says: "Error in Property/Tag b.c." },
  { what: "such a key inside an array", value: { a: [{ "b.c": 1 }] }, says: "Error in Property/Tag b.c." },
  { what: "a key of 1025 bytes", value: { ["ü".repeat(512) + "k"]: 1 }, says: "longer than 1024 bytes" },
  {
    what: "a string of 4097 bytes",
    value: { a: { b: "x".repeat(4097) } },
    says: "Property or Tag value should be maximum 4096 bytes. Error in Property/Tag b",
  },
  {
    what: "such a string in an array",
    value: { a: { b: [["x".repeat(4097)]] } },
    says: "Property or Tag value should be maximum 4096 bytes. Error in Property/Tag b",
  },
  { what: "an integer too small", value: { a: -4503599627370497 }, says: "The integer at 'a' is not between" },
  { what: "an integer too large", value: { a: [4503599627370496] }, says: "The integer at 'a[0]' is not between" },
  { what: "null in an array", value: { a: [1, null] }, says: "Null is not allowed in the array at 'a[1]'." },
  { what: "objects nested eleven deep", value: nested(11), says: "nested deeper than 10 levels" },
];

describe("twin content", () => {
  it.each(allowed)("may be $what", ({ value }) => {
    expect(checkContent(value)).toBeUndefined();
  });

  it.each(refusedContent)("may not have $what", ({ value, says }) => {
    const error = checkContent(value);
    expect(error?.code).toBe(400_004);
    expect(error?.message).toContain(says);
  });
});

/** A document of exactly that many bytes, by the rules of the hub: keys and strings as UTF-8, numbers 8, booleans 4. */
function sized(bytes: number): JsonObject {
  const document: Record<string, Json> = { number: 1, flag: true, ü: "\u0001é", list: [{ in: "x" }] };
  const used = 6 + 8 + 4 + 4 + 2 + 2 + 4 + 2 + 1;
  let left = bytes - used;
  for (let index = 0; left > 0; index += 1) {
    const key = `k${String(index).padStart(3, "0")}`;
    const length = Math.min(4096, left - key.length);
    document[key] = "x".repeat(length);
    left -= key.length + length;
  }
  return document;
}

const sizes = [
  { section: "tags", limit: 8192, name: "Tags" },
  { section: "desired", limit: 32_768, name: "Properties.Desired" },
  { section: "reported", limit: 32_768, name: "Properties.Reported" },
] as const;

describe.each(sizes)("the size of twin $section", ({ section, limit, name }) => {
  it(`may be ${limit} bytes`, () => {
    expect(checkSize(section, sized(limit))).toBeUndefined();
  });

  it(`may not be ${limit + 1} bytes`, () => {
    const error = checkSize(section, sized(limit + 1));
    expect(error?.code).toBe(403_100);
    expect(error?.message).toBe(`'${name}' size should be less than ${limit} bytes.`);
  });
});
