/** The part of a file that a request asks for. `first` and `last` are inclusive, as in HTTP. */
export type RequestedRange =
  | { readonly kind: "whole" }
  | { readonly kind: "part"; readonly first: number; readonly last: number }
  | { readonly kind: "unsatisfiable" };

const whole: RequestedRange = { kind: "whole" };

/**
 * Parses a Range header for a file of this size (RFC 9110, 14.2): one range of bytes, else the whole file. A malformed
 * header and one with several ranges are ignored, as the RFC allows.
 */
export function parseRange(header: string | undefined, size: number): RequestedRange {
  const match = /^bytes=(?<first>\d*)-(?<last>\d*)$/.exec((header ?? "").replaceAll(/\s/g, ""));
  const [from, to] = [match?.groups?.["first"] ?? "", match?.groups?.["last"] ?? ""];
  if (from === "" && to === "") return whole;
  if (from === "") return suffix(Number(to), size);
  const first = Number(from);
  const last = to === "" ? size - 1 : Math.min(Number(to), size - 1);
  if (to !== "" && Number(to) < first) return whole;
  return first >= size ? { kind: "unsatisfiable" } : { kind: "part", first, last };
}

/**
 * True when the Range header applies: there is no If-Range, or it names this very file (RFC 9110, 13.1.5). A date must be
 * exactly the file's, to the second.
 */
export function ifRangeMatches(ifRange: string | undefined, etag: string, modifiedMs: number): boolean {
  if (ifRange === undefined) return true;
  if (ifRange.startsWith('"')) return ifRange === etag;
  return Date.parse(ifRange) === Math.floor(modifiedMs / 1000) * 1000;
}

/** True when, by If-None-Match, the client already has this file. */
export function ifNoneMatchMatches(ifNoneMatch: string | undefined, etag: string): boolean {
  const named = new Set((ifNoneMatch ?? "").split(",").map((one) => one.trim().replace(/^W\//, "")));
  return named.has(etag) || named.has("*");
}

/** The last `length` bytes. */
function suffix(length: number, size: number): RequestedRange {
  if (length === 0 || size === 0) return { kind: "unsatisfiable" };
  return { kind: "part", first: Math.max(0, size - length), last: size - 1 };
}
