import { isJsonObject } from "../../contract/json.ts";

/*
 * The local API: HTTP on a Unix socket, for commands on the board. `POST /methods/NAME` calls the direct method of that name;
 * status and body are those of its reply. `PUT /images/SHA256`, with a Content-Length, uploads an image.
 * `PUT /metadata` passes on signed metadata, such as a USB stick's: a JSON object with each file's name and its bytes in base64.
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

export const metadataPath = "/metadata";
/** The largest body of `PUT /metadata`: what a board keeps, in base64. */
export const maxMetadataBody = 4 * 1_048_576;

/** The body of `PUT /metadata`. */
export function encodeMetadata(files: ReadonlyMap<string, Uint8Array>): string {
  const texts = [...files].map(([name, bytes]) => [name, Buffer.from(bytes).toString("base64")]);
  return JSON.stringify(Object.fromEntries(texts));
}

/** The files of such a body; undefined for anything else. Nothing of them is trusted. */
export function decodeMetadata(body: string): ReadonlyMap<string, Uint8Array> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    if (!isJsonObject(value)) return undefined;
    const files = Object.entries(value).map(([name, text]) => {
      if (typeof text !== "string") throw new TypeError(`${name} is no text`);
      return [name, Buffer.from(text, "base64")] as const;
    });
    return new Map(files);
  } catch {
    return undefined;
  }
}
