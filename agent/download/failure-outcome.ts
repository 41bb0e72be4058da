import type { ErrorCode } from "../contract/codes.ts";

/* What a failed download means: whether another attempt may help. */

/**
 * What an HTTP status without an image means. `retry`: it passes by itself (408 Request Timeout, 425 Too Early, 429 Too Many
 * Requests, every 5xx). `abandon`: the server will say the same next time, so this mirror is not used any more.
 */
export function statusOutcome(status: number): "retry" | "abandon" {
  return [408, 425, 429].includes(status) || status >= 500 ? "retry" : "abandon";
}

/** What a failed attempt means: retry this mirror, abandon it, or fail the job. */
export function errorOutcome(code: ErrorCode): "retry" | "abandon" | "fatal" {
  if (code === "unreachable") return "retry";
  return mirrorErrors.has(code) ? "abandon" : "fatal";
}

const mirrorErrors: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "bad-address",
  "bad-response",
  "bad-size",
  "http-status",
  "image-too-large",
  "insecure-address",
  "insecure-redirect",
  "too-many-redirects",
]);
