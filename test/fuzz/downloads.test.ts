import { createHash } from "node:crypto";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect } from "vitest";
import { FilePartialStore } from "../../agent/board/image/partial-store.ts";
import { check } from "../../agent/contract/check.ts";
import { evaluateResponse, type ResponseHead, type RequestedRange } from "../../agent/download/resume-decisions.ts";
import { retryAfterMs } from "../../agent/download/retry-after.ts";
import { scheduleRetry } from "../../agent/download/mirror-policy.ts";
import { errorOutcome, statusOutcome } from "../../agent/download/failure-outcome.ts";
import {
  noUsage,
  partialMetadata,
  metadataPath,
  usableBytes,
  type PartialMetadata,
} from "../../agent/download/partial-metadata.ts";
import { errorCodes, type ErrorCode } from "../../agent/contract/codes.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { checkProperties, counterexample } from "./counterexample.ts";
import { mutated } from "./inputs.ts";

const bytes = fc.oneof(fc.nat(2_000), fc.constantFrom(0, 1, 999, 1_000, 2 ** 31, 999_999_999_999_999));
const date = fc.oneof(
  fc.date({ min: new Date(0), max: new Date("2099-01-01"), noInvalidDate: true }).map((one) => one.toUTCString()),
  fc.constantFrom("Sun, 99 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", "now"),
);
const header = fc.option(
  fc.string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)), maxLength: 250 }),
  { nil: null },
);
const etag = fc.oneof(fc.constantFrom('"v1"', '"v2"', 'W/"v1"', '""'), header);
const range = fc.oneof(
  fc
    .tuple(bytes, bytes, fc.oneof(bytes.map(String), fc.constant("*")))
    .map(([first, to, total]) => `bytes ${first}-${to}/${total}`),
  bytes.map((total) => `bytes */${total}`),
  fc.constantFrom("bytes 1000-999/1000", "bytes 000-999/1000", "items 0-1/2"),
  header,
);

/** An address as the source of answers gives it: of any URL that a request may hold, or a server may redirect to. */
const address = fc
  .tuple(
    fc.webUrl(),
    fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 40 }),
      fc.nat(2_000).map((length) => "ü".repeat(length)),
    ),
  )
  .map(([base, path]) => {
    const { origin, pathname } = new URL(`/${encodeURIComponent(path)}`, base);
    return `${origin}${pathname}`;
  });
const source = fc.option(
  fc.record({
    address: fc.oneof(fc.constant("https://i.example/x"), address),
    validator: fc.constantFrom('"v1"', "Sun, 06 Nov 1994 08:49:37 GMT", null),
  }),
  { nil: null },
);

const asked: fc.Arbitrary<RequestedRange> = fc.record({
  fromBytes: bytes,
  totalBytes: fc.option(bytes, { nil: null }),
  source,
  mayDiffer: fc.boolean(),
});
const answer: fc.Arbitrary<ResponseHead> = fc.record({
  address: fc.oneof(fc.constant("https://i.example/x"), address),
  status: fc.oneof(fc.constantFrom(200, 206, 206, 206, 304, 404, 408, 412, 416, 429, 503), fc.nat(999)),
  headers: fc.record({
    etag,
    lastModified: fc.oneof(date, header),
    date: fc.oneof(date, header),
    contentLength: fc.oneof(bytes.map(String), header),
    contentRange: range,
    retryAfter: fc.oneof(fc.integer().map(String), date, header),
  }),
});

function recordWith(changes: Partial<PartialMetadata>): PartialMetadata {
  return {
    schema: 1,
    bootId: "boot-1",
    syncedBytes: 0,
    totalBytes: null,
    source: null,
    spent: noUsage("op-1"),
    ...changes,
  };
}

const content = Buffer.from(Array.from({ length: 1_000 }, (_one, index) => (index * 7) % 251));

checkProperties({
  "any response is evaluated, taken for the image only where it says that it is, and can be saved": (search) =>
    counterexample(
      fc.property(asked, answer, (was, is) => {
        const result = evaluateResponse(was, is);
        if (result.kind === "retry")
          expect(result.retryAfterMs === null || Number.isSafeInteger(result.retryAfterMs)).toBe(true);
        if (result.kind === "complete") expect([is.status, was.fromBytes > 0]).toStrictEqual([416, true]);
        if (result.kind === "startOver" || result.kind === "validatorChanged") expect(was.fromBytes).toBeGreaterThan(0);
        if (result.kind !== "content") return;
        const { fromBytes, untilBytes, totalBytes } = result;
        expect([is.status, fromBytes]).toStrictEqual(is.status === 200 ? [200, 0] : [206, was.fromBytes]);
        if (is.status === 206) expect(Number(untilBytes)).toBeGreaterThan(fromBytes);
        if (is.status === 206 && totalBytes !== null) expect(Number(untilBytes)).toBeLessThanOrEqual(totalBytes);
        const record = recordWith({ totalBytes, source: result.source });
        expect(check(partialMetadata, JSON.parse(JSON.stringify(record)))).toStrictEqual({ ok: true, value: record });
      }),
      search,
    ),

  "whatever a server asks for, a wait is a number and does not pass the deadline": (search) =>
    counterexample(
      fc.property(
        fc.oneof(header, date, fc.integer().map(String)),
        fc.oneof(header, date),
        fc.nat(),
        fc.nat(),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.nat(600),
        fc.constantFrom(...(Object.keys(errorCodes) as ErrorCode[])),
        (after, at, spentMs, deadlineMs, random, status, code) => {
          const wait = retryAfterMs(after, at);
          const start = { uri: "https://i.example/x", tries: 1, failures: 3, readyAtMs: 0, abandoned: false };
          const { readyAtMs } = scheduleRetry(
            start,
            { gainedBytes: 0, retryAfterMs: wait },
            { nowMs: 5, elapsedMs: spentMs, deadlineMs, random },
          );
          expect(readyAtMs).toBeGreaterThanOrEqual(5);
          expect(readyAtMs - 5).toBeLessThanOrEqual(Math.max(0, deadlineMs - spentMs));
          expect(["retry", "abandon"]).toContain(statusOutcome(status));
          expect(["retry", "abandon", "fatal"]).toContain(errorOutcome(code));
        },
      ),
      search,
    ),

  "with any record beside it, only bytes that were vouched for are gone on from, and they are digested": async (
    search,
  ) => {
    const path = join(await temporaryFolder(), "x.part");
    const good = recordWith({
      syncedBytes: 600,
      totalBytes: 1_000,
      source: { address: "https://i.example/x", validator: '"v1"' },
    });
    const records = fc.oneof(
      mutated(good).map((tree) => JSON.stringify(tree) ?? ""),
      fc
        .record({
          syncedBytes: bytes,
          totalBytes: fc.option(bytes, { nil: null }),
          bootId: fc.constantFrom("boot-1", "boot-0"),
        })
        .map((changes) => JSON.stringify(recordWith(changes))),
      fc.string({ unit: "binary" }),
      fc.nat(200).map((length) => JSON.stringify(good).slice(0, length)),
    );
    return await counterexample(
      fc.asyncProperty(records, fc.nat(1_000), async (record, length) => {
        await writeFile(path, content.subarray(0, length));
        await writeFile(metadataPath(path), record);
        const partials = new FilePartialStore("boot-1", { nowMs: () => 1_000 });
        const partial = await partials.open(path, "op-1", new AbortController().signal);
        const read = readable(record);
        expect(partial.bytes).toBe(read === undefined ? 0 : usableBytes(read, "boot-1", length));
        expect(partial.digest()).toBe(createHash("sha256").update(content.subarray(0, partial.bytes)).digest("hex"));
        expect(partial.usage).toStrictEqual(read?.spent.operationId === "op-1" ? read.spent : noUsage("op-1"));
        await partial.close();
        expect((await stat(path)).size).toBe(partial.bytes);
        const again = await partials.open(path, "op-1", new AbortController().signal);
        expect([again.bytes, again.totalBytes, again.source]).toStrictEqual([
          partial.bytes,
          partial.totalBytes,
          partial.source,
        ]);
        await again.close();
      }),
      { ...search, numRuns: Math.ceil(search.numRuns / 4) }, // Each writes and syncs real files.
    );
  },
});

function readable(record: string): PartialMetadata | undefined {
  try {
    const read = check(partialMetadata, JSON.parse(record));
    return read.ok ? read.value : undefined;
  } catch {
    return undefined;
  }
}
