import { Transform } from "node:stream";
import type { Faults } from "../local-hub/faults/faults.ts";
import type { RequestedRange } from "./range.ts";

const location = { endpoints: ["images"] } as const;

/** The error response that a fault sends instead of the file. */
export function injectedError(faults: Faults): { readonly status: number; readonly retryAfterS: number } | undefined {
  const refused = faults.triggerOnce("image-refused", location);
  return refused === undefined ? undefined : { status: Number(refused.status), retryAfterS: refused.retryAfterS };
}

/** The ETag to send, and the offset in bytes from which the content is altered. */
export function injectedAlteration(faults: Faults, etag: string): { readonly etag: string; readonly from?: number } {
  const altered = faults.triggerOnce("image-altered", location);
  if (altered === undefined) return { etag };
  return { etag: altered.etag === "same" ? etag : etag.replace(/"$/, '-altered"'), from: altered.fromByte };
}

/** The range to send instead of the requested one. */
export function applyRangeFaults(faults: Faults, requested: RequestedRange): RequestedRange {
  if (requested.kind !== "part") return requested;
  if (faults.triggerOnce("image-range-ignored", location) !== undefined) return { kind: "whole" };
  if (requested.first === 0) return requested;
  const by = faults.triggerOnce("image-range-shifted", location)?.byBytes ?? 0;
  return { ...requested, first: Math.max(0, requested.first - by) };
}

/** How many bytes of a body of this length to send, and the Content-Length to declare. */
export function applyTruncation(faults: Faults, length: number): { readonly sent: number; readonly declared: number } {
  const truncated = faults.triggerOnce("image-truncated", location, ({ bytes }) => bytes < length);
  if (truncated === undefined) return { sent: length, declared: length };
  return { sent: truncated.bytes, declared: truncated.how === "cut" ? length : truncated.bytes };
}

/** Passes on bytes that begin at offset `first` of the file, and inverts those from offset `from` on. */
export function invertBytesFrom(first: number, from: number): Transform {
  let at = first;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const untouched = Math.min(chunk.length, Math.max(0, from - at));
      at += chunk.length;
      done(null, Buffer.concat([chunk.subarray(0, untouched), chunk.subarray(untouched).map((byte) => byte ^ 0xff)]));
    },
  });
}
