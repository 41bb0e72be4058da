import { createHash } from "node:crypto";
import { rootFingerprintText } from "../contract/signed-target.ts";
import { openRoot, roleOf } from "./roles.ts";

/** A root that somebody wants to trust. */
export interface TrustRoot {
  readonly version: number;
  /** In ISO 8601. An expired one is no fault: the board goes on to the newest root of the repository. */
  readonly expires: string;
  /**
   * The SHA-256, in hex, of the keys that may sign the next root and of how many of them must. It names the publisher: it stays
   * the same when the root is signed again or other keys change. Whoever has compared it trusts every root that these keys sign.
   */
  readonly fingerprint: string;
}

/**
 * Verifies a root that a person is about to trust: signed by its own keys.
 * @param name of the file, for messages
 * @throws AgentError `metadata-invalid`, `metadata-too-large`, `metadata-signature`
 */
export function verifyRoot(name: string, bytes: Uint8Array): TrustRoot {
  const root = openRoot(name, bytes);
  const { threshold, keyIDs } = roleOf(root, "root");
  return {
    version: root.signed.version,
    expires: new Date(root.expiresMs).toISOString(),
    fingerprint: createHash("sha256").update(rootFingerprintText(threshold, keyIDs)).digest("hex"),
  };
}
