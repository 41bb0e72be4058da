/** The etag of an identity: its counter in decimal digits, in base 64. IoT Hub starts it at random and adds one with each write. */
export function identityEtag(counter: number): string {
  return Buffer.from(String(counter)).toString("base64");
}

/** The etag of a twin: an 8-byte big-endian counter of the service's writes, in base 64; `AAAAAAAAAAE=` is a new twin's. */
export function twinEtag(counter: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(counter));
  return bytes.toString("base64");
}

/**
 * What an If-Match header asks for: "any" for `*`, an etag without its quotes, or undefined for none. The SDKs send
 * `"*"` in quotes (registry.js, _ensureQuoted), and .NET sends `""` when it creates.
 */
export function parseIfMatch(ifMatch: string | undefined): "any" | { readonly etag: string } | undefined {
  const text = ifMatch
    ?.trim()
    .replace(/^W\//, "")
    .replace(/^"(.*)"$/, "$1");
  if (text === undefined || text === "") return undefined;
  return text === "*" ? "any" : { etag: text };
}
