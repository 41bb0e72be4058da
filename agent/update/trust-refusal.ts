import type { ErrorResponse } from "../contract/error-response.ts";
import { wantedImage, type ImageName } from "./image-name.ts";
import type { TrustGate } from "./trust-gate.ts";

/* What the board refuses at once because of whom it trusts. Decided for what would begin: a repeated call gets its first answer. */

type Trust = Pick<TrustGate, "status" | "refusal">;

/** Why an image may not be installed here, as far as that is known at once; undefined where it may, and for a dry run. */
export function trustRefusal(
  trust: Trust,
  job: ImageName & { readonly sizeBytes: number | null; readonly rehearsal: boolean },
): ErrorResponse | undefined {
  if (job.rehearsal) return undefined;
  return trust.status.rule === "nothing" ? trustRootMissing : trust.refusal(wantedImage(job));
}

/** The same for the bytes of an image that is uploaded on the board. */
export function uploadRefusal(
  trust: Trust,
  { sha256, sizeBytes }: { readonly sha256: string; readonly sizeBytes: number },
): ErrorResponse | undefined {
  return trust.status.rule === "nothing" ? trustRootMissing : trust.refusal({ version: null, sha256, sizeBytes });
}

const trustRootMissing: ErrorResponse = {
  status: 403,
  code: "trust-root-missing",
  message:
    "This board has no trust root, so it cannot tell whose image this is, and installs none. On the board, run: sudo boardkeeper-agent trust add root.json (that file is in the publisher's repository). To go on without signatures, write update.allow-unsigned = yes into /etc/boardkeeper/board.conf.",
};

/** Whether a request was refused for what its owner or publisher can change while it stays the same. */
export function isTrustRefusal(code: string): boolean {
  return refusals.has(code) || code.startsWith("metadata-");
}

const refusals: ReadonlySet<string> = new Set([
  "agent-too-old",
  "board-config-invalid",
  "epoch-too-low",
  "not-signed",
  "previous-too-old",
  "trust-root-missing",
  "trust-store-damaged",
  "version-not-published",
  "wrong-board",
  "wrong-installer",
]);
