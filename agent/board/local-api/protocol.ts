/*
 * What is spoken at an agent's local door: HTTP on a Unix socket. `POST /methods/NAME` is the direct method of that name, for
 * whoever stands before the board; status and body are those of its reply. `PUT /images/SHA256`, with a Content-Length,
 * hands in an image.
 */

/** Names the state folder of the agent that is meant: a socket in a shared folder may belong to another one. */
export const stateDirHeader = "boardkeeper-state-dir";
/** "Misdirected Request": the door belongs to the agent of another state folder. RFC 9110, 15.5.20. */
export const misdirectedStatus = 421;

export function methodPath(name: string): string {
  return `/methods/${encodeURIComponent(name)}`;
}

/** The method that a path names; undefined for another path. */
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

/** The digest that a path names; undefined for another path. */
export function parseImagePath(path: string): string | undefined {
  return /^\/images\/([0-9a-f]{64})$/.exec(path)?.[1];
}
