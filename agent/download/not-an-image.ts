import { onOneLine, redact, truncateUtf8 } from "../contract/safe-text.ts";

/* What tells that a server sends something else than the image. Pure. */

/** Suffixes of files that are stored compressed: a server may name that in Content-Encoding, and the bytes are the file's own. */
const compressedFile = /\.(gz|tgz|bz2|tbz2?|xz|txz|zst|br|z|lzma|lz4)$/i;

/**
 * Why a body is not taken because of its Content-Encoding, as a sentence; undefined where it is. The agent asks for the bytes
 * as they are and decodes nothing, so encoded bytes have another digest than the image.
 * @param address of the response, without its query
 */
export function encodingProblem(address: string, contentEncoding: string | undefined): string | undefined {
  const encoding = contentEncoding?.trim().toLowerCase() ?? "";
  if (encoding === "" || encoding === "identity" || compressedFile.test(address)) return undefined;
  return `${address} sends the image in an encoding that was not asked for (Content-Encoding: ${excerpt(encoding, 40)}). Serve it without one.`;
}

/** Whether the first bytes decide if a body is the image: a page, or a text in its place. */
export function mayBePage(contentType: string | undefined): boolean {
  return /^\s*(text\/|application\/([\w.-]+\+)?(json|xml)\b|application\/xhtml)/i.test(contentType ?? "");
}

/**
 * Why a body of a text's type is not the image, as a sentence; undefined where it may be. Some servers give every file the type
 * text/html or text/plain, so the bytes decide.
 */
export function pageProblem(address: string, contentType: string, firstBytes: Uint8Array): string | undefined {
  const text = new TextDecoder().decode(firstBytes.subarray(0, 2_000));
  const begins = `(${excerpt(contentType, 60)}, begins with "${excerpt(text.trimStart(), 80)}")`;
  if (text.startsWith("version https://git-lfs.github.com/"))
    return `${address} sent a pointer of Git LFS instead of the image ${begins}. Give the address of the file itself.`;
  if (isErrorDocument(contentType, text))
    return `${address} sent an error message instead of the image ${begins}. Check the address, and whether a signed one has expired.`;
  const isPage = /^\s*(text\/html|application\/xhtml)/i.test(contentType) && /^\s*<[!?a-z]/i.test(text);
  if (!isPage) return undefined;
  return `${address} sent a page instead of the image ${begins}. Check the address: it may lead to a login or an error page.`;
}

/**
 * Whether a text is a storage server's or a gateway's error: of the type for that (RFC 9457), JSON whose first key is that of an error,
 * or XML whose root is one. An image may be JSON or XML too, so neither the form nor a key such as "title" is enough.
 */
function isErrorDocument(contentType: string, text: string): boolean {
  if (/^\s*application\/problem\+(json|xml)\b/i.test(contentType)) return true;
  if (/\bjson\b/i.test(contentType)) return /^\s*\{\s*"(errors?|fault|exception)"\s*:/i.test(text);
  const root = /^\s*(?:<\?xml[^>]*>\s*)?<(?:\w+:)?(\w+)[\s>]/.exec(text)?.[1];
  return /\bxml\b/i.test(contentType) && /^(errors?|errorResponse|fault|exception)$/i.test(root ?? "");
}

/** A piece of a text from outside, on one line and without secrets. */
export function excerpt(text: string, longestBytes: number): string {
  const printable = onOneLine(redact(text)).replaceAll(/\p{Cc}|\uFFFD/gu, "?");
  return truncateUtf8(printable, longestBytes);
}
