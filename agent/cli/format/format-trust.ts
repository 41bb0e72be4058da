/* What a board trusts, for people. */

/** The keys that sign a role, by their ids, and how many of them must. */
export interface KeysOfRole {
  readonly role: string;
  readonly threshold: number;
  readonly keyIds: readonly string[];
}

export interface RootSummary {
  readonly version: number;
  /** In ISO 8601. */
  readonly expires: string;
  readonly fingerprint: string;
  readonly keys: readonly KeysOfRole[];
}

/** The root from which a lost store is made anew, or why there is none. */
export type SeedSummary =
  | { readonly path: string; readonly version: number; readonly fingerprint: string }
  | { readonly path: string; readonly problem: string };

interface SignedImage {
  readonly version: string;
  readonly epoch: number;
  readonly kind: string;
  readonly sha256: string;
}

/** What `trust show --json` prints. */
export interface TrustDescription {
  /** Null where the board trusts nobody. */
  readonly root: RootSummary | null;
  /** Why there is a root that cannot be used; null where all is well. */
  readonly damage: string | null;
  readonly problems: readonly string[];
  readonly remade: string | null;
  readonly seed: SeedSummary;
  readonly floor: number | null;
  /** The latest signed time, in ISO 8601. */
  readonly issued: string | null;
  readonly boards: readonly string[];
  readonly boardsFrom: string | null;
  readonly boardConfigProblem: string | null;
  readonly unsignedAllowed: boolean;
  readonly refuseStale: boolean;
  /** The signed images for this board, or why none can be named. */
  readonly metadata:
    | { readonly staleness: string | null; readonly images: readonly SignedImage[] }
    | { readonly code: string; readonly message: string }
    | null;
}

/** One row for each thing; several where a thing has several parts. */
export function trustRows(found: TrustDescription): (readonly [name: string, value: string | null])[] {
  const { root, floor, issued, metadata } = found;
  const problems = [found.damage, found.boardConfigProblem, found.remade, ...found.problems].filter(
    (one) => one !== null,
  );
  return [
    ["Trust root", formatRoot(found)],
    ["Fingerprint", root?.fingerprint ?? null],
    ...(root?.keys ?? []).map(
      ({ role, threshold, keyIds }, index) =>
        [
          index === 0 ? "Keys" : "",
          `${role}: ${threshold} of ${keyIds.map((id) => id.slice(0, 12)).join(", ")}`,
        ] as const,
    ),
    ["Floor", floor === null ? null : `epoch ${floor}: images of a lower one are refused`],
    ["Signed time", root === null ? null : (issued ?? "none yet")],
    ["Metadata", metadata === null ? null : formatMetadata(metadata)],
    ...imageRows(metadata),
    [
      "Board names",
      found.boards.length === 0 ? "none" : `${found.boards.join(", ")} (${found.boardsFrom ?? "unknown"})`,
    ],
    ["Unsigned", formatUnsigned(found)],
    ["If stale", found.refuseStale ? "updates are refused (update.refuse-stale)" : "updates go on, with a warning"],
    ["Problems", problems.length === 0 ? null : problems.join(" ")],
  ];
}

function formatRoot({ root, damage }: TrustDescription): string {
  if (root !== null) return `version ${root.version}, expires ${root.expires.slice(0, 10)}`;
  return damage === null ? "none: this board cannot tell who may publish for it" : "cannot be read";
}

function formatMetadata(metadata: NonNullable<TrustDescription["metadata"]>): string {
  if ("code" in metadata)
    return metadata.code === "metadata-missing"
      ? "none yet: it comes with the first update"
      : `${metadata.message} (${metadata.code})`;
  return metadata.staleness ?? "up to date";
}

function imageRows(metadata: TrustDescription["metadata"]): (readonly [string, string])[] {
  if (metadata === null || "code" in metadata) return [];
  if (metadata.images.length === 0) return [["Images", "none for this board"]];
  return metadata.images.map(({ version, epoch, kind, sha256 }, index) => [
    index === 0 ? "Images" : "",
    `${version}, epoch ${epoch}, ${kind}, SHA-256 ${sha256.slice(0, 12)}…`,
  ]);
}

function formatUnsigned({ root, damage, unsignedAllowed }: TrustDescription): string {
  if (!unsignedAllowed) return "refused";
  return root === null && damage === null
    ? "ALLOWED (update.allow-unsigned): a digest is enough"
    : "refused: update.allow-unsigned changes nothing beside a trust root";
}
