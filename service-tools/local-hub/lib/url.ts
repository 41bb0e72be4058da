/** The path of a request's URL, without its query. */
export function pathOf(url: string): string {
  return url.split("?")[0] ?? "";
}

/** The path's segments, decoded; empty ones are left out. Throws a URIError when an escape is malformed. */
export function pathSegments(url: string): string[] {
  return pathOf(url)
    .split("/")
    .filter((segment) => segment !== "")
    .map((segment) => decodeURIComponent(segment));
}

/** The value of a parameter in a request's query, or undefined when it is missing. */
export function queryParameter(url: string, name: string): string | undefined {
  return new URL(url, "https://localhost").searchParams.get(name) ?? undefined;
}

/** The text behind percent-encoding, or undefined when an escape is malformed. */
export function decodePercentEncoding(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
