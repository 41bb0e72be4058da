import type { AgentError } from "../lib/errors.ts";
import type { VerifiedCache } from "../trust/cached-metadata.ts";
import type { LoadedTrust } from "../trust/ports.ts";
import type { TrustStatus } from "./trust-gate.ts";

/** What root has written about trust on this board, or the owner of a simulated one. */
export interface BoardTrust {
  readonly allowUnsigned: boolean;
  readonly refuseStale: boolean;
  /** This board's names, the most specific first. */
  readonly names: readonly string[];
  /** Undefined where the board has no trust root. */
  readonly loaded: LoadedTrust | undefined;
}

/** What the board knows: root's word, and what verified metadata says. */
export interface Known extends BoardTrust {
  readonly verified: VerifiedCache | undefined;
  /** Why root's word cannot be used: then nothing is installed. */
  readonly problem: AgentError | undefined;
}

export const nothingKnown: Known = {
  allowUnsigned: false,
  refuseStale: true,
  names: [],
  loaded: undefined,
  verified: undefined,
  problem: undefined,
};

/** What the twin and the commands say of it. */
export function statusOf({ allowUnsigned, names, loaded, verified, problem }: Known, simulated: boolean): TrustStatus {
  const isTrusting = loaded !== undefined || problem !== undefined;
  const isOpen = simulated || allowUnsigned;
  const unsigned =
    "Unsigned images are installed: /etc/boardkeeper/board.conf allows it, and the board has no trust root. To change that: sudo boardkeeper-agent trust add root.json";
  const expiry = verified?.error?.code === "metadata-expired" ? [verified.error.message] : [];
  const remade = loaded === undefined ? [] : loaded.problems.length > 0 ? loaded.problems : [loaded.remade ?? ""];
  return {
    rule: isTrusting ? "signed" : isOpen ? "digest" : "nothing",
    rootVersion: verified?.root.version ?? null,
    expires: verified === undefined ? null : new Date(verified.root.expires).toISOString(),
    unsignedAllowed: allowUnsigned,
    compatible: names,
    alerts: [
      ...(problem === undefined ? [] : [problem.message]),
      ...(!isTrusting && allowUnsigned && !simulated ? [unsigned] : []),
      ...remade.filter((sentence) => sentence !== ""),
      ...expiry,
      ...(verified?.trusted?.staleness === undefined || verified.trusted.staleness === null
        ? []
        : [verified.trusted.staleness]),
    ],
  };
}
