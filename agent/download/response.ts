import { statusOutcome, retryAfterMs } from "./mirror-policy.ts";
import { validatorOf, type ImageSource } from "./partial-metadata.ts";

/* What an answer to a request for an image means, given what was asked and what is known. Pure. */

export interface ResponseHead {
  /** Where it came from in the end, redirects followed, without its query. */
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

/** What was asked, and what was known of the image then. */
export interface RequestedRange {
  /** From here on; 0 for all of it. */
  readonly fromBytes: number;
  readonly totalBytes: number | null;
  readonly source: ImageSource | null;
}

export type ResponseOutcome =
  /** The body is the image from `fromBytes` on, to before `untilBytes` where that was announced. */
  | {
      readonly kind: "content";
      readonly fromBytes: number;
      readonly untilBytes: number | null;
      readonly totalBytes: number | null;
      readonly source: ImageSource;
    }
  /** The server has no more than what is there already. */
  | { readonly kind: "complete" }
  /** What is there is of no use with what the server has now: the next request asks for all of it. */
  | { readonly kind: "startOver"; readonly why: string }
  | { readonly kind: "retry"; readonly retryAfterMs: number | null }
  | { readonly kind: "abandon" };

export function evaluateResponse(asked: RequestedRange, answer: ResponseHead): ResponseOutcome {
  const { status, headers } = answer;
  const isResumed = asked.fromBytes > 0;
  const source = { address: answer.address, validator: validatorOf(headers) };
  if (status === 200) {
    const lengthBytes = wholeNumber(headers.contentLength);
    return { kind: "content", fromBytes: 0, untilBytes: lengthBytes, totalBytes: lengthBytes, source };
  }
  if (status === 206) return evaluatePartialContent(asked, headers.contentRange, source);
  if (isResumed && status === 416) {
    const total = /^bytes \*\/(\d{1,15})$/.exec(headers.contentRange ?? "")?.[1];
    if (Number(total) === asked.fromBytes) return { kind: "complete" };
    return { kind: "startOver", why: "the server has no such part of it (416)" };
  }
  if (isResumed && status === 412) return { kind: "startOver", why: "the file on the server has changed (412)" };
  if (statusOutcome(status) === "abandon") return { kind: "abandon" };
  return { kind: "retry", retryAfterMs: retryAfterMs(headers.retryAfter, headers.date) };
}

function evaluatePartialContent(
  asked: RequestedRange,
  contentRange: string | null,
  source: ImageSource,
): ResponseOutcome {
  if (asked.fromBytes === 0) return { kind: "abandon" }; // A part was answered where none was asked for.
  const part = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(contentRange ?? "");
  if (part === null) return { kind: "startOver", why: "the server does not say which part it sends" };
  const fromBytes = Number(part[1]);
  const untilBytes = Number(part[2]) + 1;
  const totalBytes = part[3] === "*" ? asked.totalBytes : Number(part[3]);
  const isSameSource = source.address === asked.source?.address;
  const known = asked.source?.validator ?? null;
  // RFC 9110, 14.4: a part that does not lie within its whole is invalid.
  const isValid = fromBytes < untilBytes && (totalBytes === null || untilBytes <= totalBytes);
  if (fromBytes !== asked.fromBytes || !isValid)
    return { kind: "startOver", why: "the server sends another part than was asked for" };
  if (asked.totalBytes !== null && totalBytes !== asked.totalBytes)
    return { kind: "startOver", why: "the file on the server has another size now" };
  if (isSameSource && known !== null && source.validator !== null && source.validator !== known)
    return { kind: "startOver", why: "the file on the server has changed" };
  // A 206 may leave out what the 200 said of the same content.
  const validator = source.validator ?? (isSameSource ? known : null);
  return { kind: "content", fromBytes, untilBytes, totalBytes, source: { ...source, validator } };
}

function wholeNumber(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
