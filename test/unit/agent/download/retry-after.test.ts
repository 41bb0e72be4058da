import { describe, expect, it } from "vitest";
import { retryAfterMs } from "../../../../agent/download/retry-after.ts";

const date = "Sun, 06 Nov 1994 08:49:37 GMT";

describe("Retry-After", () => {
  it.each<[text: string | null, date: string | null, ms: number | null]>([
    [null, date, null],
    ["120", null, 120_000],
    [" 0 ", null, 0],
    ["9999999999", null, 9_999_999_999_000],
    ["99999999999", null, null],
    ["1.5", date, null],
    ["-1", date, null],
    ["soon", date, null],
    ["Sun, 06 Nov 1994 09:49:37 GMT", date, 3_600_000],
    ["Sun, 06 Nov 1994 08:49:37 GMT", date, 0],
    ["Sun, 06 Nov 1994 07:00:00 GMT", date, 0],
    ["Sun, 06 Nov 1994 09:49:37 GMT", null, null],
    ["x Sun, 06 Nov 1994 09:49:37 GMT", date, null],
    ["Sun, 06 Nov 1994 09:49:37 GMT+1", date, null],
    ["Sun, 06 Nov 1994 09:49:37 GMT", "now", null],
    ["1994-11-06T09:49:37Z", date, null],
    ["Sun, 99 Nov 1994 09:49:37 GMT", date, null],
  ])("%j, with the Date %j", (text, answered, ms) => {
    expect(retryAfterMs(text, answered)).toBe(ms);
  });
});
