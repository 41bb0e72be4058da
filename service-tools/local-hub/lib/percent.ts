/** A text that was escaped as in a URL, or undefined when it was not escaped right. */
export function decodePercentEncoding(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
