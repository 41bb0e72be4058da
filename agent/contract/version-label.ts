/**
 * What a job's version is called where its caller named none: by the beginning of the image's digest.
 * @param sha256 64 hex digits; null for a rehearsal
 */
export function versionLabel(version: string | undefined, sha256: string | null): string {
  return version ?? (sha256 === null ? "rehearsal" : `sha256:${sha256.slice(0, 12)}`);
}
