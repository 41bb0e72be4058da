import { invalidPayload, rejectRequest, type InvalidRequest, type Validated } from "../contract/error-response.ts";
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

/** No image is installed on a board that does not know whom to trust. */
export function trustRootMissing(): InvalidRequest {
  const message =
    "This board has no trust root, so it cannot tell whose image this is, and installs none. On the board, run: sudo boardkeeper-agent trust add root.json (that file is in the publisher's repository). To go on without signatures, write update.allow-unsigned = yes into /etc/boardkeeper/board.conf.";
  return rejectRequest(403, "trust-root-missing", message);
}

/** The repository that a version alone is looked up in. */
export function repositoryFor({ trust, repository, simulated }: AddressLimits): Validated<string> {
  if (trust === "signed" && repository !== null) return { ok: true, value: repository };
  if (trust === "nothing") return trustRootMissing();
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
