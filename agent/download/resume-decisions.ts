import { statusOutcome } from "./failure-outcome.ts";
import type { ImageSource } from "./partial-metadata.ts";
import { httpDateMs, retryAfterMs } from "./retry-after.ts";

/* What an HTTP response to an image request means, given the request and what is known. Pure. */

export interface ResponseHead {
  /** The final address after redirects, without its query. */
  readonly address: string;
  readonly status: number;
  readonly headers: {
    readonly etag: string | null;
    readonly lastModified: string | null;
    readonly date: string | null;
    readonly contentLength: string | null;
    readonly contentRange: string | null;
    readonly retryAfter: string | null;
  };
}

/** What was requested, and what was known of the image then. */
export interface RequestedRange {
  /** From here on; 0 for all of it. */
  readonly fromBytes: number;
  readonly totalBytes: number | null;
  readonly source: ImageSource | null;
  /**
   * Whether bytes are kept where only the validator differs: the nodes of a CDN may name the same bytes differently, and the
   * digest tells in the end. Not after a digest was wrong.
   */
  readonly mayDiffer: boolean;
}

export type ResponseOutcome =
  /** The body is the image from `fromBytes`, up to `untilBytes` (exclusive) where that is known. */
  | {
      readonly kind: "content";
      readonly fromBytes: number;
      readonly untilBytes: number | null;
      readonly totalBytes: number | null;
      readonly source: ImageSource;
    }
  /** The server has no more bytes than are on disk. */
  | { readonly kind: "complete" }
  /** The server names the file differently now. The next request asks for the rest without a condition. */
  | { readonly kind: "validatorChanged"; readonly why: string }
  /** The bytes on disk do not fit the server's file: the next request asks for all of it. */
  | { readonly kind: "startOver"; readonly why: string }
  | { readonly kind: "retry"; readonly retryAfterMs: number | null }
  | { readonly kind: "abandon" };

export function evaluateResponse(range: RequestedRange, response: ResponseHead): ResponseOutcome {
  const { status, headers } = response;
  const isResumed = range.fromBytes > 0;
  const source = { address: response.address, validator: validatorOf(headers) };
  if (status === 200) {
    const lengthBytes = wholeNumber(headers.contentLength);
    const hasSameSize = lengthBytes === null || range.totalBytes === null || lengthBytes === range.totalBytes;
    const known = validatorSent(range, response.address);
    if (isResumed && range.mayDiffer && hasSameSize && known !== null && source.validator !== known)
      return { kind: "validatorChanged", why: describeChange(known, source.validator) };
    return { kind: "content", fromBytes: 0, untilBytes: lengthBytes, totalBytes: lengthBytes, source };
  }
  if (status === 206) return evaluatePartialContent(range, headers.contentRange, source);
  if (isResumed && status === 416) {
    const total = /^bytes \*\/(\d{1,15})$/.exec(headers.contentRange ?? "")?.[1];
    if (Number(total) === range.fromBytes) return { kind: "complete" };
    return { kind: "startOver", why: "the server has no such part of it (416)" };
  }
  if (isResumed && status === 412) {
    const isConditional = validatorSent(range, response.address) !== null;
    const why = "the file on the server has changed (412)";
    return { kind: isConditional && range.mayDiffer ? "validatorChanged" : "startOver", why };
  }
  if (statusOutcome(status) === "abandon") return { kind: "abandon" };
  return { kind: "retry", retryAfterMs: retryAfterMs(headers.retryAfter, headers.date) };
}

function evaluatePartialContent(
  range: RequestedRange,
  contentRange: string | null,
  source: ImageSource,
): ResponseOutcome {
  if (range.fromBytes === 0) return { kind: "abandon" }; // A partial response to a full request.
  const part = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(contentRange ?? "");
  if (part === null) return { kind: "startOver", why: "the server does not say which part it sends" };
  const fromBytes = Number(part[1]);
  const untilBytes = Number(part[2]) + 1;
  const totalBytes = part[3] === "*" ? range.totalBytes : Number(part[3]);
  const known = validatorSent(range, source.address);
  // RFC 9110, 14.4: a part that does not lie within its whole is invalid.
  const isValid = fromBytes < untilBytes && (totalBytes === null || untilBytes <= totalBytes);
  if (fromBytes !== range.fromBytes || !isValid)
    return { kind: "startOver", why: "the server sends another part than was requested" };
  if (range.totalBytes !== null && totalBytes !== range.totalBytes)
    return { kind: "startOver", why: "the file on the server has another size now" };
  if (!range.mayDiffer && known !== null && source.validator !== null && source.validator !== known)
    return { kind: "startOver", why: describeChange(known, source.validator) };
  // A 206 may omit headers that the 200 had.
  const validator = source.validator ?? known;
  return { kind: "content", fromBytes, untilBytes, totalBytes, source: { ...source, validator } };
}

/** The validator that a request carried: it goes only to the address that gave it. */
function validatorSent({ source }: RequestedRange, address: string): string | null {
  return source?.address === address ? source.validator : null;
}

/** Why a server sends all of a file when the rest was wanted: what has changed, where that is known. */
export function describeRestart(known: ImageSource | null, now: ImageSource): string {
  const isChanged = known?.address === now.address && known.validator !== null && known.validator !== now.validator;
  return isChanged
    ? describeChange(known.validator, now.validator)
    : "the server sends the image from its first byte (it ignores Range)";
}

function describeChange(known: string, now: string | null): string {
  return `the file on the server has changed: its ETag or Last-Modified was ${known} and is now ${now ?? "missing or weak"}`;
}

function wholeNumber(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/**
 * The value for `If-Range`: a strong ETag, or a Last-Modified that is strong because the server's clock was past it when
 * it answered (RFC 9110, 8.8.2.2 and 13.1.5). Null where there is neither: then the digest alone tells whether parts fit.
 */
export function validatorOf(headers: {
  readonly etag: string | null;
  readonly lastModified: string | null;
  readonly date: string | null;
}): string | null {
  const { etag, lastModified, date } = headers;
  if (etag !== null && /^"[\x21\x23-\x7e\x80-\uffff]*"$/.test(etag) && etag.length <= 200) return etag;
  const modifiedMs = httpDateMs(lastModified);
  const answeredMs = httpDateMs(date);
  return modifiedMs !== null && answeredMs !== null && answeredMs - modifiedMs >= 1_000 ? lastModified : null;
}
