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
