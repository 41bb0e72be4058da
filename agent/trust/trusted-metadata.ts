import type { Snapshot, Targets } from "@tufjs/models";
import { AgentError } from "../lib/errors.ts";
import { targetsOf } from "./board-targets.ts";
import { referenceTime, requireUnexpired, savedTimes, stalenessOf } from "./expiry.ts";
import type { SigningRole } from "./keys.ts";
import type { MetadataFile } from "./metadata-file.ts";
import type { ReferenceClock, StoredMetadata, TrustedTargets, TrustRecord } from "./ports.ts";
import {
  metaOf,
  openBoardRole,
  openRoot,
  openSnapshot,
  openTargets,
  openTimestamp,
  type TopLevelTargets,
  type TrustedRoot,
  type TrustedTimestamp,
} from "./roles.ts";

/** Metadata files whose signatures hold, and which belong together. */
export interface VerifiedMetadata {
  readonly root: TrustedRoot;
  readonly timestamp: TrustedTimestamp;
  readonly snapshot: MetadataFile<Snapshot>;
  readonly targets: TopLevelTargets;
  /** The roles of this board's names. */
  readonly roles: ReadonlyMap<string, MetadataFile<Targets>>;
}

/** What this board is, and how it takes time. */
export interface TrustRules {
  /** The board's own names, the most specific first. */
  readonly boards: readonly string[];
  readonly clock: ReferenceClock;
  /** Refuse a stale timestamp or snapshot, instead of only saying so. */
  readonly refuseStale: boolean;
}

export interface LoadRequest extends TrustRules {
  readonly stored: StoredMetadata;
  readonly record: TrustRecord;
}

/**
 * Verifies metadata that was stored, and says which images it lists for this board now. Asks nobody.
 * @throws AgentError `trust-store-damaged` when the stored root or record cannot be used; `metadata-missing` when the other files
 *   have not been fetched, or not since the keys changed; else as `refreshMetadata`. All but the first are mended by a refresh.
 */
export function loadTrusted({ stored, record, ...rules }: LoadRequest): TrustedTargets {
  const root = openStoredRoot(stored.root);
  const timestamp = openTimestamp(root, "timestamp.json", need(stored.timestamp, "timestamp.json"));
  const snapshot = openSnapshot(root, timestamp, "snapshot.json", need(stored.snapshot, "snapshot.json"));
  const targets = openTargets(root, snapshot, "targets.json", need(stored.targets, "targets.json"));
  const roles = rolesOf(targets, rules.boards).map(([board, role]) => {
    const name = `${board}.json`;
    const bytes = need(stored.roles.get(board), name);
    return [board, openBoardRole(targets, role, metaOf(snapshot, board), name, bytes)] as const;
  });
  return trustedTargets({ root, timestamp, snapshot, targets, roles: new Map(roles) }, record, rules);
}

/** The roles of this board's names that there are. */
export function rolesOf(
  targets: TopLevelTargets,
  boards: readonly string[],
): (readonly [board: string, role: SigningRole])[] {
  return [...new Set(boards)].flatMap((board) => {
    const role = targets.roles.get(board);
    return role === undefined ? [] : [[board, role] as const];
  });
}

/** @throws AgentError `trust-store-damaged` */
export function openStoredRoot(bytes: Uint8Array): TrustedRoot {
  try {
    return openRoot("root.json", bytes);
  } catch (cause) {
    throw new AgentError(
      "trust-store-damaged",
      "The stored trust root cannot be used: it was damaged, or another program has written it. The board makes its trust store anew from /etc/boardkeeper/root.json. If that file is damaged too, add the trust root again.",
      { cause },
    );
  }
}

function need(bytes: Uint8Array | undefined, name: string): Uint8Array {
  if (bytes !== undefined) return bytes;
  throw new AgentError(
    "metadata-missing",
    `This board has no ${name} that it can trust: it has not read the repository yet, or not since the publisher's keys changed. Connect it to the repository, or install with --repository from a USB stick.`,
  );
}

/**
 * What verified metadata says now.
 * @throws AgentError `metadata-expired`, `metadata-stale`, and for the targets `metadata-invalid` and `metadata-too-large`
 */
export function trustedTargets(
  { root, timestamp, snapshot, targets, roles }: VerifiedMetadata,
  record: TrustRecord,
  { clock, refuseStale }: TrustRules,
): TrustedTargets {
  const time = referenceTime(clock, [...savedTimes(record.issued), timestamp.issuedMs]);
  requireUnexpired(root, time);
  requireUnexpired(targets, time);
  for (const role of roles.values()) requireUnexpired(role, time);
  const staleness = stalenessOf(timestamp, snapshot, time);
  if (staleness !== null && refuseStale) {
    throw new AgentError("metadata-stale", `${staleness} This board refuses stale metadata (update.refuse-stale).`);
  }
  return {
    rootVersion: root.signed.version,
    rootExpires: new Date(root.expiresMs).toISOString(),
    staleness,
    targets: [...roles].flatMap(([board, role]) => targetsOf(board, role)),
  };
}
