import { describe, expect, it } from "vitest";
import { parsePaxRecords } from "../../../../agent/contract/pax-records.ts";

const parse = (text: string) => parsePaxRecords(Buffer.from(text), "entry");

describe("parsePaxRecords", () => {
  it("reads what counts, and passes over the rest", () => {
    expect(parse("11 path=ä\n14 linkpath=\n\n11 size=12\n20 mtime=1700000.25\n")).toStrictEqual({
      name: "ä",
      target: "\n",
      sizeBytes: 12,
    });
  });

  it.each([
    ["a length that is none", "x path=a\n"],
    ["a length of zero", "0 path=a\n"],
    ["a length that begins with zero", "010 path=a\n"],
    ["no line feed", "9 path=ab"],
    ["a length beyond the end", "99 path=a\n"],
    ["a length that ends too early", "6 path=abcdef\n"],
    ["no key", "5 =a\n"],
    ["no equals sign", "9 pathab\n"],
    ["a key twice", "9 path=a\n9 path=b\n"],
    ["an empty path", "8 path=\n"],
    ["a zero in a path", "12 path=a\0b\n"],
    ["a negative size", "11 size=-1\n"],
    ["a size with a fraction", "12 size=1.5\n"],
    ["a size beyond all numbers", "25 size=9999999999999999\n"],
  ])("refuses %s", (_what, text) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: "archive-invalid" }));
  });
});
