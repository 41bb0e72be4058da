/*
 * The local API: HTTP on a Unix socket, for commands on the board. `POST /methods/NAME` calls the direct method of that name;
 * status and body are those of its reply. `PUT /images/SHA256`, with a Content-Length, uploads an image.
 */

/** The state folder of the intended agent: a socket in a shared folder may belong to another one. */
export const stateDirHeader = "boardkeeper-state-dir";
/** "Misdirected Request": the agent uses another state folder. RFC 9110, 15.5.20. */
export const misdirectedStatus = 421;

export function methodPath(name: string): string {
  return `/methods/${encodeURIComponent(name)}`;
}

/** The method name in a path; undefined for other paths. */
export function parseMethodPath(path: string): string | undefined {
  const name = /^\/methods\/([^/?#]+)$/.exec(path)?.[1];
  try {
    return name === undefined ? undefined : decodeURIComponent(name);
  } catch {
    return undefined;
  }
}

export function imagePath(sha256: string): string {
  return `/images/${sha256}`;
}

/** The digest in a path; undefined for other paths. */
export function parseImagePath(path: string): string | undefined {
  return /^\/images\/([0-9a-f]{64})$/.exec(path)?.[1];
}
