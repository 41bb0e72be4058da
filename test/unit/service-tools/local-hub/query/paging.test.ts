import { describe, expect, it } from "vitest";
import { pageOf, parsePageSize } from "../../../../../service-tools/local-hub/query/paging.ts";

const rows = ["a", "b", "c", "d", "e"];

describe("paging", () => {
  it("walks through all rows, each once, and ends without a token", () => {
    const seen: string[] = [];
    const sizes: number[] = [];
    let continuation: string | undefined;
    do {
      const page = pageOf(rows, "q", 2, continuation);
      seen.push(...(page?.items ?? []));
      sizes.push(page?.items.length ?? 0);
      continuation = page?.continuation;
    } while (continuation !== undefined);
    expect(seen).toEqual(rows);
    expect(sizes).toEqual([2, 2, 1]);
  });

  it("gives no token when the last row is on the page", () => {
    expect(pageOf(rows, "q", 5, undefined)).toEqual({ items: rows, continuation: undefined });
  });

  it("refuses a token of another query, and what is no token", () => {
    const token = pageOf(rows, "q", 2, undefined)?.continuation;
    expect(pageOf(rows, "other", 2, token)).toBeUndefined();
    expect(pageOf(rows, "q", 2, "garbage")).toBeUndefined();
    expect(pageOf(rows, "q", 2, Buffer.from('{"next":-1}').toString("base64"))).toBeUndefined();
  });

  it.each([
    [undefined, 100],
    ["-1", 100],
    ["1", 1],
    ["1000", 1000],
    ["5000", 1000],
    ["0", undefined],
    ["-5", undefined],
    ["2.5", undefined],
    ["many", undefined],
  ])("x-ms-max-item-count: %s is %s", (header, size) => {
    expect(parsePageSize(header)).toBe(size);
  });
});
