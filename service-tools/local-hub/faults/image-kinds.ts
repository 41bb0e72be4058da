import { kinds, choice, range } from "./fault-kind.ts";

const overImages = ["images"] as const;
const MOST_BYTES = 1_000_000_000;

/** Faults of the image server. The network faults act on it as well. */
export const imageKinds = kinds({
  "image-refused": {
    summary: "A request is answered with this status.",
    like:
      "Azure Storage: 403 for an expired signed URL, 404 for a removed image, 503 ServerBusy " +
      "(Common REST API error codes); 429 and Retry-After of a proxy or a CDN (RFC 6585, 4)",
    on: overImages,
    acts: "occasion",
    forOne: false,
    parameters: { status: choice("503", "500", "429", "404", "403"), retryAfterS: range(0, 3_600, [1, 30], 0) },
  },
  "image-truncated": {
    summary:
      "The body ends after so many bytes: the connection is closed (cut), or Content-Length is that short (short).",
    like: "a server that was restarted; a proxy that cached half a file",
    on: overImages,
    acts: "occasion",
    forOne: false,
    parameters: { bytes: range(0, MOST_BYTES, [0, 100_000], 1_000), how: choice("cut", "short") },
  },
  "image-altered": {
    summary: "The bytes from this position on differ; the ETag is the same, or another one.",
    like: "an image that was replaced under the same name; a flipped bit in a cache or in memory",
    on: overImages,
    acts: "occasion",
    forOne: false,
    parameters: { fromByte: range(0, MOST_BYTES, [0, 100_000], 0), etag: choice("same", "other") },
  },
  "image-range-ignored": {
    summary: "A range request gets the whole file, with status 200.",
    like: "'A server MAY ignore the Range header field' (RFC 9110, 14.2)",
    on: overImages,
    acts: "occasion",
    forOne: false,
    parameters: {},
  },
  "image-range-shifted": {
    summary: "A range request that does not begin at 0 gets an earlier part, with status 206. Content-Range says so.",
    like: "a cache that rounds ranges to its blocks",
    on: overImages,
    acts: "occasion",
    forOne: false,
    parameters: { byBytes: range(1, MOST_BYTES, [1, 10_000], 1) },
  },
});
