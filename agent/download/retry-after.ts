/* When a server wants to be asked again. Pure. */

/**
 * `Retry-After` in milliseconds: seconds, or an HTTP date, which is compared with the answer's own `Date`, because a
 * board's clock may be wrong (RFC 9110, 10.2.3). Null when there is none, or none that can be read.
 */
export function retryAfterMs(retryAfter: string | null, date: string | null): number | null {
  if (retryAfter === null) return null;
  const text = retryAfter.trim();
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1_000;
  const untilMs = httpDateMs(text);
  const nowMs = httpDateMs(date);
  return untilMs === null || nowMs === null ? null : Math.max(0, untilMs - nowMs);
}

/** A date as HTTP writes it, in milliseconds since 1970: "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7). */
export function httpDateMs(text: string | null): number | null {
  if (text === null || !/^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/.test(text)) return null;
  const parsed = Date.parse(text);
  return Number.isNaN(parsed) ? null : parsed;
}
