/* Texts from outside, made safe for a log, a twin, a method's reply or a terminal. */

/**
 * Removes keys, signatures, and the query strings and passwords of URLs from a text. Everything that is logged, reported or
 * sent as a reply passes through here if a part of it came from outside.
 */
export function redact(text: string): string {
  return text
    .replaceAll(/(SharedAccessKey|SharedAccessSignature|sig)=(?:\\*["'])?[^;&\s"']+/gi, "$1=[secret]") // Quoted or not.
    .replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'<>@]+@/gi, "$1[secret]@")
    .replaceAll(/([a-z][a-z0-9+.-]*:\/\/[^\s?"'<>]+)\?[^\s"'<>]*/gi, "$1?[secret]");
}

/** In UTF-8. A string in a twin may have 4 KB, ours have at most 1 KB. */
const longestTextBytes = 1_000;

/** Cuts a text to so many bytes of UTF-8; a cut text ends with "…". */
export function truncateUtf8(text: string, longestBytes: number = longestTextBytes): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= longestBytes) return text;
  const ellipsis = "…";
  const kept = bytes.subarray(0, longestBytes - new TextEncoder().encode(ellipsis).length);
  // A character cut in half decodes to the replacement character, which is dropped.
  return new TextDecoder().decode(kept).replace(/\uFFFD$/, "") + ellipsis;
}

/**
 * A text without escape sequences, which could rewrite the screen or worse: what a board reports may come from an attacker who
 * has taken it over. Control characters other than tab and line feed become JSON escapes, so a JSON document stays the same.
 */
export function escapeForTerminal(text: string): string {
  return text.replaceAll(/(?![\t\n])\p{Cc}/gu, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** A text on one line, so that no part of it can look like a line of our own output. */
export function onOneLine(text: string): string {
  return text.replaceAll(/\s*[\n\r]\s*/g, " ");
}
