import { versionLabel } from "../contract/methods.ts";

/** What a request names of an image. */
export interface ImageName {
  readonly version: string;
  /** Null for a dry run, and, while it is unresolved, where the version was named alone. */
  readonly sha256: string | null;
  /** The board has still to find its signed target. */
  readonly unresolved?: true | undefined;
}

/** Whether a request names a version alone: its digest is found by that. */
export function isVersionAlone({ sha256, unresolved }: ImageName): boolean {
  return sha256 === null && unresolved === true;
}

/**
 * Whether two requests ask for the same image as the same version. A dry run is never the same. On a board with a trust root, a
 * version or a digest alone says which image it is: what one request leaves out does not tell it from the other.
 */
export function isSameImage(a: ImageName, b: ImageName): boolean {
  if ([a, b].some((one) => one.sha256 === null && !isVersionAlone(one))) return false;
  if (isVersionAlone(a) || isVersionAlone(b)) return a.version === b.version;
  if (a.sha256 !== b.sha256) return false;
  if (a.version === b.version) return true;
  return (a.unresolved === true || b.unresolved === true) && !(hasOwnVersion(a) && hasOwnVersion(b));
}

/** The image that a request asks for. At least one of version and digest is there. */
export interface WantedImage {
  readonly version: string | null;
  readonly sha256: string | null;
  readonly sizeBytes: number | null;
}

/** A signed image that this board may install. */
export interface ResolvedImage {
  readonly version: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Its address in the repository; null where the board has none configured. */
  readonly uri: string | null;
  readonly epoch: number;
}

/** What a job asks for. */
export function wantedImage({
  version,
  sha256,
  sizeBytes,
}: ImageName & { readonly sizeBytes: number | null }): WantedImage {
  return { version: hasOwnVersion({ version, sha256 }) ? version : null, sha256, sizeBytes };
}

/** Whether a version is one that somebody gave, and not the beginning of the digest. */
function hasOwnVersion({ version, sha256 }: { readonly version: string; readonly sha256: string | null }): boolean {
  return version !== versionLabel(undefined, sha256);
}
