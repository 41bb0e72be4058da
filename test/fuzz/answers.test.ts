import { createHash } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import * as fc from "fast-check";
import { expect } from "vitest";
import { errorCodes } from "../../agent/contract/codes.ts";
import { AgentError } from "../../agent/lib/errors.ts";
import { metadataPath } from "../../agent/download/partial-metadata.ts";
import { DownloadFixture } from "../support/downloads.ts";
import { checkProperties, counterexample } from "./counterexample.ts";

/* Answers of a server as bytes on a real TLS socket: what evaluates them, and what lies between it and the socket. */

const sizeBytes = 20_000;
/** Of what servers call by the same name and is something else. */
const largestBytes = 3 * sizeBytes;
/** Each answer costs a connection. */
const costlier = 5;

const size = fc.oneof(fc.nat(sizeBytes), fc.constantFrom(0, sizeBytes, sizeBytes + 1, 2 ** 53)).map(String);
const part = fc
  .tuple(fc.nat(sizeBytes), fc.nat(sizeBytes), fc.oneof(size, fc.constant("*")))
  .map(([first, last, total]) => `bytes ${first}-${last}/${total}`);
const text = fc.string({ maxLength: 30 });
const header = fc.oneof(
  fc.tuple(fc.constantFrom("content-length", "Content-Length", "retry-after"), fc.oneof(size, text)),
  fc.tuple(fc.constant("content-range"), fc.oneof(part, text)),
  fc.tuple(fc.constantFrom("etag", "last-modified", "date"), fc.oneof(fc.constantFrom('"v1"', 'W/"v1"', '""'), text)),
  fc.tuple(fc.constantFrom("transfer-encoding", "content-encoding"), fc.constantFrom("chunked", "gzip", "identity")),
  fc.tuple(fc.constant("location"), fc.oneof(fc.constantFrom("/again", "http://127.0.0.1:1/", "//", "file:///"), text)),
);

interface RawAnswer {
  readonly head: string;
  /** Of the image, or of something else. */
  readonly from: number;
  readonly length: number;
  readonly isImage: boolean;
  /** So much of head and body goes out, then the connection is closed. */
  readonly cutAt: number;
}

const answer: fc.Arbitrary<RawAnswer> = fc.record({
  head: fc
    .tuple(
      fc.oneof(fc.constantFrom("HTTP/1.1", "HTTP/1.0"), text),
      fc.oneof(fc.constantFrom(200, 200, 206, 206, 301, 302, 307, 404, 412, 416, 429, 503), fc.nat(999)),
      fc.array(header, { maxLength: 5 }),
    )
    .map(([protocol, status, headers]) =>
      [`${protocol} ${status} x`, ...headers.map(([name, value]) => `${name}: ${value}`), "", ""].join("\r\n"),
    ),
  from: fc.constantFrom(0, 0, sizeBytes / 2),
  length: fc.oneof(fc.nat(sizeBytes), fc.constant(sizeBytes)),
  isImage: fc.boolean(),
  cutAt: fc.oneof(fc.nat(sizeBytes), fc.constant(Infinity)),
});

/** Another file at the same address, longer perhaps, which the server has no more when it is asked for the rest. */
const changed: fc.Arbitrary<RawAnswer> = fc
  .record({
    etag: fc.constantFrom('etag: "v0"', 'etag: W/"v0"', "x: y"),
    length: fc.nat(largestBytes),
    cut: fc.nat(largestBytes),
  })
  .map(({ etag, length, cut }) => {
    const head = `HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n${etag}\r\n\r\n`;
    return { head, from: 0, length, isImage: false, cutAt: head.length + cut };
  });

function bytesOf({ head, from, length, isImage, cutAt }: RawAnswer, image: Buffer): Buffer {
  const body = (isImage ? image : Buffer.alloc(largestBytes, "x")).subarray(from, from + length);
  const whole = Buffer.concat([Buffer.from(head), body]);
  return whole.subarray(0, Math.min(cutAt, whole.length));
}

checkProperties({
  "after any answers over TLS a download ends: with what lies on disk and its digest, or with an error that has a code":
    async (search) => {
      const setup = await DownloadFixture.create(sizeBytes);
      const goodServer = setup.parts();
      const property = fc.asyncProperty(
        fc.array(fc.oneof({ weight: 3, arbitrary: answer }, changed), { minLength: 1, maxLength: 3 }),
        async (answers) => {
          await Promise.all([setup.path, metadataPath(setup.path)].map((path) => rm(path, { force: true })));
          setup.lines.length = 0;
          const left = [...answers];
          setup.server.answer = (request, response) => {
            const next = left.shift();
            if (next === undefined) goodServer(request, response);
            else request.socket.end(bytesOf(next, setup.image.content));
          };
          const outcome = await setup.fetch().catch((cause: unknown) => cause);
          expect(JSON.stringify([setup.lines, String(outcome)])).not.toContain("sig=secret");
          if (outcome instanceof Error) {
            expect(outcome).toBeInstanceOf(AgentError);
            expect(Object.keys(errorCodes)).toContain((outcome as AgentError).code);
            expect((outcome as AgentError).code).not.toBe("internal");
            return;
          }
          const onDisk = await readFile(setup.path);
          expect(outcome).toMatchObject({
            sha256: createHash("sha256").update(onDisk).digest("hex"),
            sizeBytes: onDisk.length,
          });
        },
      );
      return await counterexample(property, { ...search, numRuns: Math.ceil(search.numRuns / costlier) });
    },
});
