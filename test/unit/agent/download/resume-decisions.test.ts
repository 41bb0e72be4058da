import { describe, expect, it } from "vitest";
import {
  describeRestart,
  evaluateResponse,
  validatorOf,
  type ResponseHead,
  type RequestedRange,
  type ResponseOutcome,
} from "../../../../agent/download/resume-decisions.ts";

const address = "https://a/x";
const whole: RequestedRange = { fromBytes: 0, totalBytes: null, source: null, mayDiffer: true };
const rest: RequestedRange = {
  fromBytes: 400,
  totalBytes: 1_000,
  source: { address, validator: '"v1"' },
  mayDiffer: true,
};
const strict: RequestedRange = { ...rest, mayDiffer: false };
const changedTo = (now: string): string =>
  `the file on the server has changed: its ETag or Last-Modified was "v1" and is now ${now}`;
const keep = (why: string): ResponseOutcome => ({ kind: "validatorChanged", why });
const none = { etag: null, lastModified: null, date: null, contentLength: null, contentRange: null, retryAfter: null };
const again: ResponseOutcome = { kind: "retry", retryAfterMs: null };
const ended: ResponseOutcome = { kind: "abandon" };
const startOver = (why: string): ResponseOutcome => ({ kind: "startOver", why });
const date = "Sun, 06 Nov 1994 08:49:37 GMT";

function image(fromBytes: number, untilBytes: number | null, totalBytes: number | null, validator: string | null) {
  return { kind: "content", fromBytes, untilBytes, totalBytes, source: { address, validator } };
}

describe("an answer", () => {
  it.each<
    [what: string, asked: RequestedRange, status: number, headers: Partial<ResponseHead["headers"]>, result: unknown]
  >([
    ["all, with its length", whole, 200, { contentLength: "1000", etag: '"v1"' }, image(0, 1_000, 1_000, '"v1"')],
    ["all, without one", whole, 200, {}, image(0, null, null, null)],
    ["all, with a length that is none", whole, 200, { contentLength: "1e3" }, image(0, null, null, null)],
    ["all, although the rest was asked for", rest, 200, { contentLength: "9" }, image(0, 9, 9, null)],
    ["the rest", rest, 206, { contentRange: "bytes 400-999/1000", etag: '"v1"' }, image(400, 1_000, 1_000, '"v1"')],
    ["some of the rest", rest, 206, { contentRange: "bytes 400-499/1000" }, image(400, 500, 1_000, '"v1"')],
    ["the rest of an unknown whole", rest, 206, { contentRange: "bytes 400-999/*" }, image(400, 1_000, 1_000, '"v1"')],
    [
      "the rest, where no whole was known",
      { ...rest, totalBytes: null },
      206,
      { contentRange: "bytes 400-1999/2000" },
      image(400, 2_000, 2_000, '"v1"'),
    ],
    [
      "the rest, of the same content elsewhere, whose name for it is another",
      { ...rest, source: { address: "https://b/y", validator: '"v9"' } },
      206,
      { contentRange: "bytes 400-999/1000", etag: '"v1"' },
      image(400, 1_000, 1_000, '"v1"'),
    ],
    [
      "the rest, elsewhere, without a name",
      { ...rest, source: { address: "https://b/y", validator: '"v9"' } },
      206,
      { contentRange: "bytes 400-999/1000" },
      image(400, 1_000, 1_000, null),
    ],
    [
      "the rest, under another name",
      rest,
      206,
      { contentRange: "bytes 400-999/1000", etag: '"v2"' },
      image(400, 1_000, 1_000, '"v2"'),
    ],
    [
      "the rest under another name, after a wrong digest",
      strict,
      206,
      { contentRange: "bytes 400-999/1000", etag: '"v2"' },
      startOver(changedTo('"v2"')),
    ],
    [
      "the rest under no name, after a wrong digest",
      strict,
      206,
      { contentRange: "bytes 400-999/1000" },
      image(400, 1_000, 1_000, '"v1"'),
    ],
    ["all, under another name", rest, 200, { contentLength: "1000", etag: '"v1-gzip"' }, keep(changedTo('"v1-gzip"'))],
    [
      "all, under a weak name",
      rest,
      200,
      { contentLength: "1000", etag: 'W/"v1"' },
      keep(changedTo("missing or weak")),
    ],
    ["all, under another name, of no known length", rest, 200, { etag: '"v2"' }, keep(changedTo('"v2"'))],
    [
      "all, under another name, where no length was known",
      { ...rest, totalBytes: null },
      200,
      { contentLength: "1000", etag: '"v2"' },
      keep(changedTo('"v2"')),
    ],
    ["all, under the same name", rest, 200, { contentLength: "1000", etag: '"v1"' }, image(0, 1_000, 1_000, '"v1"')],
    ["all, of another size", rest, 200, { contentLength: "999", etag: '"v2"' }, image(0, 999, 999, '"v2"')],
    ["all, after a wrong digest", strict, 200, { contentLength: "1000", etag: '"v2"' }, image(0, 1_000, 1_000, '"v2"')],
    [
      "all, from an address that gave no name",
      { ...rest, source: { address: "https://b/y", validator: '"v1"' } },
      200,
      { contentLength: "1000", etag: '"v2"' },
      image(0, 1_000, 1_000, '"v2"'),
    ],
    [
      "all, where nothing was on disk",
      { ...rest, fromBytes: 0 },
      200,
      { contentLength: "1000", etag: '"v2"' },
      image(0, 1_000, 1_000, '"v2"'),
    ],
    [
      "the rest of a larger file",
      rest,
      206,
      { contentRange: "bytes 400-1000/1001" },
      startOver("the file on the server has another size now"),
    ],
    [
      "another part",
      rest,
      206,
      { contentRange: "bytes 399-999/1000" },
      startOver("the server sends another part than was requested"),
    ],
    [
      "a part that ends before it begins",
      rest,
      206,
      { contentRange: "bytes 400-399/1000" },
      startOver("the server sends another part than was requested"),
    ],
    [
      "a part beyond the whole",
      rest,
      206,
      { contentRange: "bytes 400-1000/1000" },
      startOver("the server sends another part than was requested"),
    ],
    ["a part that it does not name", rest, 206, {}, startOver("the server does not say which part it sends")],
    [
      "a part that it names badly",
      rest,
      206,
      { contentRange: "bytes=400-999/1000" },
      startOver("the server does not say which part it sends"),
    ],
    [
      "a part named in a sentence",
      rest,
      206,
      { contentRange: "x bytes 400-999/1000" },
      startOver("the server does not say which part it sends"),
    ],
    [
      "a part and more",
      rest,
      206,
      { contentRange: "bytes 400-999/1000, 5" },
      startOver("the server does not say which part it sends"),
    ],
    [
      "a part of an unknown whole, where none was known",
      { ...rest, totalBytes: null },
      206,
      { contentRange: "bytes 400-999/*" },
      image(400, 1_000, null, '"v1"'),
    ],
    [
      "the rest, named for the first time",
      { ...rest, source: { address, validator: null } },
      206,
      { contentRange: "bytes 400-999/1000", etag: '"v1"' },
      image(400, 1_000, 1_000, '"v1"'),
    ],
    [
      "the rest, of which nothing was noted",
      { ...rest, source: null },
      206,
      { contentRange: "bytes 400-999/1000" },
      image(400, 1_000, 1_000, null),
    ],
    ["a part where none was asked for", whole, 206, { contentRange: "bytes 0-999/1000" }, ended],
    ["that there is no more", rest, 416, { contentRange: "bytes */400" }, { kind: "complete" }],
    [
      "that there is less",
      rest,
      416,
      { contentRange: "bytes */300" },
      startOver("the server has no such part of it (416)"),
    ],
    ["that there is no such part", rest, 416, {}, startOver("the server has no such part of it (416)")],
    [
      "its size in a sentence",
      rest,
      416,
      { contentRange: "x bytes */400" },
      startOver("the server has no such part of it (416)"),
    ],
    [
      "its size and more",
      rest,
      416,
      { contentRange: "bytes */400 or so" },
      startOver("the server has no such part of it (416)"),
    ],
    ["416 where no part was asked for", whole, 416, { contentRange: "bytes */0" }, ended],
    ["that the file has changed", rest, 412, {}, keep("the file on the server has changed (412)")],
    ["that, after a wrong digest", strict, 412, {}, startOver("the file on the server has changed (412)")],
    [
      "that, although it was not asked",
      { ...rest, source: null },
      412,
      {},
      startOver("the file on the server has changed (412)"),
    ],
    ["412 where nothing was asked of it", whole, 412, {}, ended],
    ["403", rest, 403, {}, ended],
    ["500", rest, 500, {}, again],
    ["503 and when to come back", rest, 503, { retryAfter: "7" }, { kind: "retry", retryAfterMs: 7_000 }],
    [
      "429 and a date to come back at",
      whole,
      429,
      { retryAfter: "Sun, 06 Nov 1994 08:50:37 GMT", date },
      { kind: "retry", retryAfterMs: 60_000 },
    ],
  ])("%s", (_what, asked, status, headers, result) => {
    expect(evaluateResponse(asked, { address, status, headers: { ...none, ...headers } })).toStrictEqual(result);
  });
});

describe("why all of a file comes again", () => {
  const ignored = "the server sends the image from its first byte (it ignores Range)";
  it.each([
    [{ address, validator: '"v1"' }, { address, validator: '"v2"' }, changedTo('"v2"')],
    [{ address, validator: '"v1"' }, { address, validator: null }, changedTo("missing or weak")],
    [{ address, validator: '"v1"' }, { address, validator: '"v1"' }, ignored],
    [{ address, validator: null }, { address, validator: '"v2"' }, ignored],
    [{ address: "https://b/y", validator: '"v1"' }, { address, validator: '"v2"' }, ignored],
    [null, { address, validator: '"v2"' }, ignored],
  ])("%j, then %j", (known, now, why) => {
    expect(describeRestart(known, now)).toBe(why);
  });
});

describe("the value for If-Range", () => {
  const lastModified = "Sun, 06 Nov 1994 08:49:37 GMT";
  const later = "Sun, 06 Nov 1994 08:49:38 GMT";
  it.each<[what: string, etag: string | null, lastModified: string | null, date: string | null, value: string | null]>([
    ["a strong ETag", '"v1"', lastModified, later, '"v1"'],
    ["an empty one", '""', null, null, '""'],
    ["no weak one", 'W/"v1"', null, null, null],
    ["no bare word", "v1", null, null, null],
    ["none that would end its own header", '"a"b"', null, null, null],
    ["the longest that is kept", `"${"v".repeat(198)}"`, null, null, `"${"v".repeat(198)}"`],
    ["none that is longer", `"${"v".repeat(199)}"`, null, null, null],
    ["none that nobody can have meant", `"${"v".repeat(300)}"`, null, null, null],
    ["a time that was over when it arrived", null, lastModified, later, lastModified],
    ["a time beside a weak ETag", 'W/"v1"', lastModified, later, lastModified],
    ["no time that was not over", null, lastModified, lastModified, null],
    ["no time without a clock", null, lastModified, null, null],
    ["no time that is none", null, "yesterday", later, null],
    ["nothing", null, null, null, null],
  ])("%s", (_what, etag, modified, answered, value) => {
    expect(validatorOf({ etag, lastModified: modified, date: answered })).toBe(value);
  });
});
