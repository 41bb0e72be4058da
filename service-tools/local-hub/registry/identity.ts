import type { Authentication } from "./authentication.ts";

export interface DeviceIdentity {
  readonly deviceId: string;
  readonly generationId: string;
  readonly etagCounter: number;
  readonly status: "enabled" | "disabled";
  readonly statusReason: string | null;
  readonly statusUpdatedTime: string;
  readonly authentication: Authentication;
  readonly iotEdge: boolean;
}

export interface ModuleIdentity {
  readonly deviceId: string;
  readonly moduleId: string;
  readonly managedBy: string | null;
  readonly generationId: string;
  readonly etagCounter: number;
  readonly authentication: Authentication;
}

/** When a device or module was last connected or heard from. */
export interface Activity {
  readonly connectionStateUpdatedTime: string;
  readonly lastActivityTime: string;
}

/** A generation id as the real hub makes them: .NET ticks. `below` (0 to 9999) fills the digits below a millisecond. */
export function generationIdAt(ms: number, below: number): string {
  return String((BigInt(ms) + 62_135_596_800_000n) * 10_000n + BigInt(below));
}

/** The etag of an identity: its counter in decimal digits, in base64. The counter starts at random and grows by one with each write. */
export function identityEtag(counter: number): string {
  return Buffer.from(String(counter)).toString("base64");
}

/** The etag of a twin: an 8-byte big-endian counter of the service's writes, in base64. A new twin has `AAAAAAAAAAE=`. */
export function twinEtag(counter: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(counter));
  return bytes.toString("base64");
}

/**
 * The etag in an If-Match header: "any" for `*`, an etag without its quotes, or undefined for none. The SDKs send `"*"` in
 * quotes (registry.js, _ensureQuoted), and .NET sends `""` when it creates.
 */
export function parseIfMatch(ifMatch: string | undefined): "any" | { readonly etag: string } | undefined {
  const text = ifMatch
    ?.trim()
    .replace(/^W\//, "")
    .replace(/^"(.*)"$/, "$1");
  if (text === undefined || text === "") return undefined;
  return text === "*" ? "any" : { etag: text };
}
