/* Texts that came from outside, made fit for a log, a twin, a method's answer or a terminal. */

/**
 * Takes keys, signatures and the query strings and passwords of URLs out of a text. What is logged, reported or answered
 * passes through here wherever a part of it came from outside.
 */
export function redact(text: string): string {
  return text
    .replaceAll(/(SharedAccessKey|SharedAccessSignature|sig)=(?:\\*["'])?[^;&\s"']+/gi, "$1=[secret]") // Quoted or not.
    .replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'<>@]+@/gi, "$1[secret]@")
    .replaceAll(/([a-z][a-z0-9+.-]*:\/\/[^\s?"'<>]+)\?[^\s"'<>]*/gi, "$1?[secret]");
}

/** The longest text that the agent puts into a twin, in bytes of UTF-8: a twin's string may have 4 KB, ours have 1. */
const longestText = 1_000;

/** Cuts a text to so many bytes of UTF-8, and shows that it was cut. */
export function truncateUtf8(text: string, longestBytes: number = longestText): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= longestBytes) return text;
  const ellipsis = "…";
  const kept = bytes.subarray(0, longestBytes - new TextEncoder().encode(ellipsis).length);
  // A character cut in half decodes to the replacement character, which is dropped.
  return new TextDecoder().decode(kept).replace(/\uFFFD$/, "") + ellipsis;
}

/**
 * A text that a terminal shows and does not obey. What a board says of itself may come from somebody who has taken it over, and
 * escape sequences can rewrite what stands on a screen, or worse: control characters but tab and line feed are shown as JSON
 * writes them, so that a document stays the same document.
 */
export function escapeForTerminal(text: string): string {
  return text.replaceAll(/(?![\t\n])\p{Cc}/gu, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The same text on one line: what somebody else says is not to look like a line of ours. */
export function onOneLine(text: string): string {
  return text.replaceAll(/\s*[\n\r]\s*/g, " ");
}
