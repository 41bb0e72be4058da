import { invalidPayload, rejectRequest, type Validated } from "../contract/error-response.ts";
import { targetFilePath } from "../contract/signed-target.ts";
import type { TrustRule } from "./trust-gate.ts";

/* Where the image of a request may come from. Pure. */

/** What the board's settings say of it. */
export interface AddressLimits {
  readonly simulated: boolean;
  readonly allowHttp: boolean;
  /** Allows file: addresses, for an image that was uploaded on the board. Never for a request from the hub. */
  readonly allowFileUri?: boolean;
  /** What an image needs to be installed on this board. */
  readonly trust: TrustRule;
  /** The address of the repository; null where none is configured. */
  readonly repository: string | null;
}

/** Stands for the address of an image until its target is found by the version. */
const atRepository = "repository:";

/** Whether a version may be named alone: address, digest and size are then those of its signed target. */
export function checkVersionAlone({ trust, repository, simulated }: AddressLimits): Validated<string> {
  // Where nobody is trusted, the request is refused for that when it is decided: a repeated call gets its first answer.
  if (trust === "nothing" || (trust === "signed" && repository !== null)) return { ok: true, value: atRepository };
  const missing =
    trust === "signed"
      ? "set update.repository on the board to the address of the publisher's repository"
      : `add a trust root on the board (${simulated ? "" : "sudo "}boardkeeper-agent trust add root.json${simulated ? " --simulate" : ""}) and set update.repository`;
  return invalidPayload([
    `fwPackageUri: missing; give the image's address and its fwPackageCheckValue. For fwVersion alone, ${missing}`,
  ]);
}

export function checkAddress(
  key: string,
  uri: string,
  { allowHttp, allowFileUri: allowFile }: AddressLimits,
): Validated<undefined> {
  const protocol = URL.canParse(uri) ? new URL(uri).protocol : undefined;
  if (protocol === "file:" && allowFile === true) return { ok: true, value: undefined };
  if (protocol === "https:" || (protocol === "http:" && allowHttp)) return { ok: true, value: undefined };
  if (protocol === "http:") {
    return rejectRequest(
      400,
      "insecure-address",
      `${key}: http addresses are not allowed. Serve the image over https.`,
    );
  }
  return rejectRequest(400, "bad-address", `${key}: expected an https:// address.`);
}

/** The address of a target's bytes in a repository. */
export function targetAddress(
  address: string,
  { path, sha256 }: { readonly path: string; readonly sha256: string },
): string {
  return [address, ...targetFilePath(path, sha256).split("/").map(encodeURIComponent)].join("/");
}
