import { hasSigners } from "./keys.ts";
import { withoutWithdrawn } from "./order.ts";
import type { StoredMetadata, TrustRecord } from "./ports.ts";
import { openRoot, roleOf, type TrustedRoot } from "./roles.ts";
import { openStoredRoot } from "./trusted-metadata.ts";
import { verifyRoot } from "./trust-root.ts";

/** What a board keeps when its owner trusts a root. */
export interface RootChoice {
  /**
   * `follows`: the keys of the present root have signed this one, so it is the same publisher's next root, as if a repository had
   * served it. `stays`: this one is older, or the same; the present root stays. `replaces`: it is another publisher's.
   */
  readonly relation: "follows" | "stays" | "replaces";
  readonly metadata: StoredMetadata;
  readonly issued: string | null;
}

/** What a board trusts now. The floor is in neither: no root changes it. */
interface Present {
  readonly metadata: StoredMetadata;
  readonly record: TrustRecord;
  /** The root that the owner trusted last; undefined where it cannot be read. The present root has come from it. */
  readonly seed: Uint8Array | undefined;
}

/**
 * What becomes of the trusted metadata when the owner trusts a root. Of the same publisher's metadata, what the root's keys still
 * sign stays: otherwise everything older could be replayed once. An older root of the same publisher changes nothing: it would
 * bring back keys that he has taken away.
 *
 * @throws AgentError `trust-store-damaged` for the present root; for the new one `metadata-invalid`, `metadata-too-large` or
 *   `metadata-signature`
 */
export function chooseRoot({ metadata, record, seed }: Present, bytes: Uint8Array): RootChoice {
  const [present, next] = [openStoredRoot(metadata.root), openRoot("root.json", bytes)];
  if (isNewer(present, next)) {
    if (!isSignedBy(next, present))
      return { relation: "replaces", metadata: { root: bytes, roles: new Map() }, issued: null };
    const kept = withoutWithdrawn(present, next, { stored: { ...metadata, root: bytes }, record });
    return { relation: "follows", metadata: kept.stored, issued: kept.record.issued };
  }
  const isFormer =
    seed !== undefined && Buffer.from(bytes).equals(seed) && next.signed.version < present.signed.version;
  if (isFormer || isSignedBy(present, next) || isSignedBy(next, present))
    return { relation: "stays", metadata, issued: record.issued };
  return { relation: "replaces", metadata: { root: bytes, roles: new Map() }, issued: null };
}

/** Of two roots of one version with other keys, the owner's word counts: one of them is a thief's. */
function isNewer(present: TrustedRoot, next: TrustedRoot): boolean {
  const [before, now] = [present.signed.version, next.signed.version];
  return now > before || (now === before && fingerprintOf(present) !== fingerprintOf(next));
}

function fingerprintOf({ name, bytes }: TrustedRoot): string {
  return verifyRoot(name, bytes).fingerprint;
}

function isSignedBy(root: TrustedRoot, by: TrustedRoot): boolean {
  return hasSigners(root, roleOf(by, "root"), by.keys);
}
