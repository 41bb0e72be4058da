import { createHmac, timingSafeEqual } from "node:crypto";
import { decodePercentEncoding } from "../lib/percent.ts";

/** A shared access signature: `SharedAccessSignature sr=…&sig=…&se=…[&skn=…]`, fields in any order. */
export interface Token {
  /** The audience exactly as it stood in the token: this text is what was signed. */
  readonly signedAudience: string;
  readonly audience: string;
  readonly signature: string;
  readonly expiryText: string;
  readonly expiresAtMs: number;
  readonly policy?: string;
}

/** The token of a password or of an Authorization header, or undefined when it is none. */
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
  const claimed = Buffer.from(token.signature, "base64");
  return claimed.length === digest.length && timingSafeEqual(claimed, digest);
}

function splitField(field: string): [string, string] {
  const at = field.indexOf("=");
  return at < 0 ? [field, ""] : [field.slice(0, at), field.slice(at + 1)];
}
