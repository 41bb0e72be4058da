import type { Snapshot } from "@tufjs/models";
import { AgentError } from "../lib/errors.ts";
import type { MetadataFile } from "./metadata-file.ts";
import type { StoredMetadata, TrustRecord } from "./ports.ts";
import { roleOf, type TrustedRoot, type TrustedTimestamp } from "./roles.ts";

/* Versions never fall, but where the keys of the role were taken away [TUF 1.0.31, 5.3.11, 5.4.3, 5.5.5]. */

/**
 * Whether a root takes a key away from a role that the former root had given it. What was signed with the key no longer counts:
 * a thief may have signed a version, or a time, that is far too high. A key that is only added takes nothing away.
 */
function takesKeyAway(former: TrustedRoot, next: TrustedRoot, role: "timestamp" | "snapshot"): boolean {
  const kept = new Set(roleOf(next, role).keyIDs);
  return roleOf(former, role).keyIDs.some((id) => !kept.has(id));
}

/** Trusted metadata after the next root: without the timestamp, the snapshot and the signed time that it withdraws. */
export function withoutWithdrawn(
  former: TrustedRoot,
  next: TrustedRoot,
  { stored, record }: { readonly stored: StoredMetadata; readonly record: TrustRecord },
): { stored: StoredMetadata; record: TrustRecord } {
  const isTimestampWithdrawn = takesKeyAway(former, next, "timestamp");
  const isWithdrawn = isTimestampWithdrawn || takesKeyAway(former, next, "snapshot");
  return {
    stored: isWithdrawn ? { ...stored, timestamp: undefined, snapshot: undefined } : stored,
    record: isTimestampWithdrawn ? { ...record, issued: null } : record,
  };
}

/** @throws AgentError `metadata-rollback` when the timestamp, or the snapshot that it names, is older than the one before */
export function requireNewerTimestamp(former: TrustedTimestamp, next: TrustedTimestamp): void {
  if (next.signed.version < former.signed.version) {
    throw rollback(`the timestamp has version ${next.signed.version}, after ${former.signed.version}`);
  }
  const [before, now] = [former.signed.snapshotMeta.version, next.signed.snapshotMeta.version];
  if (now < before) throw rollback(`the timestamp names snapshot ${now}, after ${before}`);
}

/** @throws AgentError `metadata-rollback` when a role has a lower version than in the snapshot before, or is gone */
export function requireNewerSnapshot(former: MetadataFile<Snapshot>, next: MetadataFile<Snapshot>): void {
  const now = new Map(Object.entries(next.signed.meta));
  for (const [file, { version }] of Object.entries(former.signed.meta)) {
    const meta = now.get(file);
    if (meta === undefined) throw rollback(`the snapshot no longer lists ${file}`);
    if (meta.version < version)
      throw rollback(`the snapshot lists ${file} with version ${meta.version}, after ${version}`);
  }
}

function rollback(what: string): AgentError {
  return new AgentError(
    "metadata-rollback",
    `The repository is older than what this board has seen: ${what}. It was restored from a backup, or somebody replays old files. Serve the newest files again. If they are lost, publish anew with new keys (boardkeeper repo rotate).`,
  );
}
