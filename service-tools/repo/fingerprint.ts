import { createHash } from "node:crypto";
import type { Root } from "@tufjs/models";
import { rootFingerprintText } from "../../agent/contract/signed-target.ts";

/** What a board shows of a root before it trusts it: the SHA-256, in hex, of the keys that may sign the next root. */
export function rootFingerprint({ roles }: Pick<Root, "roles">): string {
  const { threshold, keyIDs } = roles["root"] ?? { threshold: 1, keyIDs: [] };
  return createHash("sha256").update(rootFingerprintText(threshold, keyIDs)).digest("hex");
}
