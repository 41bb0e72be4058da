import { kinds } from "./kind.ts";
import { choice, range } from "./parameters.ts";

const overImages = ["images"] as const;
const MOST_BYTES = 1_000_000_000;

/** Faults of the server that images are fetched from. Its network has the faults of all networks. */
export const imageKinds = kinds({
  "image-refused": {
    summary: "A request is answered with this status.",
    like:
      "Azure Storage: 403 for a signed URL that has expired, 404 for an image that was withdrawn, 503 ServerBusy " +
      "(Common REST API error codes); 429 and Retry-After of a proxy or a CDN (RFC 6585, 4)",
    on: overImages,
    acts: "occasion",
    forOne: false,
    parameters: { status: choice("503", "500", "429", "404", "403"), retryAfterS: range(0, 3_600, [1, 30], 0) },
  },
  "image-truncated": {
    summary:
      "The body ends after so many bytes: the connection is closed in the middle (cut), or Content-Length knows of no more (short).",
    like: "a server that was restarted; a proxy that has kept a half-fetched file",
    on: overImages,
    acts: "occasion",
    forOne: false,
    parameters: { bytes: range(0, MOST_BYTES, [0, 100_000], 1_000), how: choice("cut", "short") },
  },
  "image-altered": {
    summary: "From this byte of the file on the bytes are others; the ETag is as before, or another one too.",
    like: "an image that was replaced under its name; a cache or a memory with a flipped bit",
    on: overImages,
    acts: "occasion",
    forOne: false,
    parameters: { fromByte: range(0, MOST_BYTES, [0, 100_000], 0), etag: choice("same", "other") },
  },
  "image-range-ignored": {
    summary: "Who asks for a part gets the whole file, with 200.",
    like: "'A server MAY ignore the Range header field' (RFC 9110, 14.2)",
    on: overImages,
    acts: "occasion",
    forOne: false,
    parameters: {},
  },
  "image-range-shifted": {
    summary:
      "Who asks for a part that does not begin at 0 gets one that begins earlier, with 206. Content-Range says so.",
    like: "a cache that rounds ranges to its blocks",
    on: overImages,
    acts: "occasion",
    forOne: false,
    parameters: { byBytes: range(1, MOST_BYTES, [1, 10_000], 1) },
  },
});
