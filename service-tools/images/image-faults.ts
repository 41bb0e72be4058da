import { Transform } from "node:stream";
import type { Faults } from "../local-hub/faults/faults.ts";
import type { RequestedRange } from "./range.ts";

const location = { endpoints: ["images"] } as const;

/** The answer that a fault gives instead of the file's. */
export function injectedError(faults: Faults): { readonly status: number; readonly retryAfterS: number } | undefined {
  const refused = faults.triggerOnce("image-refused", location);
  return refused === undefined ? undefined : { status: Number(refused.status), retryAfterS: refused.retryAfterS };
}

/** The ETag to show, and from where on the file is another one. */
export function injectedAlteration(faults: Faults, etag: string): { readonly etag: string; readonly from?: number } {
  const altered = faults.triggerOnce("image-altered", location);
  if (altered === undefined) return { etag };
  return { etag: altered.etag === "same" ? etag : etag.replace(/"$/, '-altered"'), from: altered.fromByte };
}

/** The part that is answered instead of the one that was asked for. */
export function applyRangeFaults(faults: Faults, asked: RequestedRange): RequestedRange {
  if (asked.kind !== "part") return asked;
  if (faults.triggerOnce("image-range-ignored", location) !== undefined) return { kind: "whole" };
  if (asked.first === 0) return asked;
  const by = faults.triggerOnce("image-range-shifted", location)?.byBytes ?? 0;
  return { ...asked, first: Math.max(0, asked.first - by) };
}

/** How many bytes of a body of this length are sent, and how many Content-Length promises. */
export function applyTruncation(faults: Faults, length: number): { readonly sent: number; readonly declared: number } {
  const truncated = faults.triggerOnce("image-truncated", location, ({ bytes }) => bytes < length);
  if (truncated === undefined) return { sent: length, declared: length };
  return { sent: truncated.bytes, declared: truncated.how === "cut" ? length : truncated.bytes };
}

/** Passes bytes on that begin at this place of the file, and turns those from the other place on around. */
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
