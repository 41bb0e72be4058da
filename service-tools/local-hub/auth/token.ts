import { createHmac, timingSafeEqual } from "node:crypto";
import { decodePercentEncoding } from "../lib/url.ts";

/** A shared access signature: `SharedAccessSignature sr=…&sig=…&se=…[&skn=…]`, fields in any order. */
export interface Token {
  /** The audience as it was encoded in the token: this text was signed. */
  readonly signedAudience: string;
  readonly audience: string;
  readonly signature: string;
  readonly expiryText: string;
  readonly expiresAtMs: number;
  readonly policy?: string;
}

/** The token in a password or an Authorization header, or undefined when the text is not one. */
export function parseToken(text: string): Token | undefined {
  const [scheme, fields, ...rest] = text.trim().split(/\s+/);
  if (scheme?.toLowerCase() !== "sharedaccesssignature" || fields === undefined || rest.length > 0) return undefined;
  const values = new Map(fields.split("&").map(splitField));
  const signedAudience = values.get("sr");
  const expiryText = values.get("se") ?? "";
  const [audience, signature, policy] = [signedAudience, values.get("sig"), values.get("skn")].map((field) =>
    field === undefined ? undefined : decodePercentEncoding(field),
  );
  if (signedAudience === undefined || audience === undefined || signature === undefined) return undefined;
  if (!/^\d{1,15}$/.test(expiryText)) return undefined;
  return {
    signedAudience,
    audience,
    signature,
    expiryText,
    expiresAtMs: Number(expiryText) * 1000,
    ...(policy === undefined || policy === "" ? {} : { policy }),
  };
}

/** "An HMAC-SHA256 signature string of the form {URL-encoded-resourceURI} + "\n" + expiry", the key decoded from base64 (iot-hub-dev-guide-sas). */
export function isSignedBy(token: Token, key: string): boolean {
  const digest = createHmac("sha256", Buffer.from(key, "base64"))
    .update(`${token.signedAudience}\n${token.expiryText}`)
    .digest();
  const given = Buffer.from(token.signature, "base64");
  return given.length === digest.length && timingSafeEqual(given, digest);
}

function splitField(field: string): [string, string] {
  const at = field.indexOf("=");
  return at < 0 ? [field, ""] : [field.slice(0, at), field.slice(at + 1)];
}

/** The host names of this hub, in lower case and without ports, and the ports that may follow them. */
export interface HubNames {
  readonly hosts: readonly string[];
  readonly ports: readonly number[];
}

/** True for one of the hub's host names, with or without one of its ports: `localhost`, `localhost:18883`, `[::1]:18883` … */
export function isHubName(text: string, { hosts, ports }: HubNames): boolean {
  const match = /^(?<host>\[[^\]]+\]|[^:]*|[0-9a-f:]*::[0-9a-f:]*)(?::(?<port>\d+))?$/i.exec(text);
  const host = match?.groups?.["host"]?.toLowerCase().replace(/^\[(.*)\]$/, "$1");
  const port = match?.groups?.["port"];
  if (host === undefined || !hosts.includes(host)) return false;
  return port === undefined || ports.includes(Number(port));
}

/**
 * True when a token for this audience is valid for this path: the audience is the hub's host name, then a prefix of the path
 * "by segment and not by character: /a/b is a prefix for /a/b/c but not for /a/bc" (iot-hub-dev-guide-sas). Older SDKs sign
 * it in lower case.
 */
export function audienceCovers(audience: string, path: readonly string[], names: HubNames): boolean {
  const [host = "", ...segments] = audience.split("/").filter((segment, index) => index === 0 || segment !== "");
  if (!isHubName(host, names) || segments.length > path.length) return false;
  return segments.every((segment, index) => segment.toLowerCase() === path[index]?.toLowerCase());
}
