import { basename, join } from "node:path";
import { decodePercentEncoding } from "../local-hub/lib/url.ts";

/** Published images lie at `images/<digest>/<name>`, so that a URL never changes its content. */
export interface ImagePath {
  /** The first 16 hex digits of the SHA-256. */
  readonly digest: string;
  readonly name: string;
}

const DIGEST_DIGITS = 16;

export function imagesFolder(hubFolder: string): string {
  return join(hubFolder, "images");
}

export function imagePath(sha256: string, file: string): ImagePath {
  return { digest: sha256.slice(0, DIGEST_DIGITS), name: basename(file) };
}

/** @param serverUrl ends in a slash */
export function imageUrl(serverUrl: string, { digest, name }: ImagePath): string {
  return new URL(`${digest}/${encodeURIComponent(name)}`, serverUrl).href;
}

/** The image that a request's path names; undefined for any other path, so that no other file can be read. */
export function parseImagePath(url: string): ImagePath | undefined {
  const match = /^\/(?<digest>[0-9a-f]{16})\/(?<name>[^/?#]+)$/.exec(url.split("?")[0] ?? "");
  const digest = match?.groups?.["digest"];
  const name = decodePercentEncoding(match?.groups?.["name"] ?? "");
  if (digest === undefined || name === undefined || name === "" || name === "." || name === ".." || /[/\0]/.test(name))
    return undefined;
  return { digest, name };
}
