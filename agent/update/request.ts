import type { Checked } from "../contract/check.ts";
import { parseFirmwareUpdateRequest, type FirmwareUpdateRequest, versionLabel } from "../contract/methods.ts";
import { redact, truncateUtf8 } from "../contract/safe-text.ts";
import { rejectRequest, invalidPayload, type Validated } from "../contract/error-response.ts";
import type { Job } from "./job.ts";

/** What a board allows, from its config. */
export interface UpdateLimits {
  /** A simulated board may rehearse: walk the phases of an update whose check value is no digest. */
  readonly simulated: boolean;
  /** False where the owner has configured no way of installing anything. */
  readonly canInstall: boolean;
  readonly allowHttp: boolean;
  /** An image that was handed in on the board: what lies there already has a file's address. Never for the hub. */
  readonly allowFileUri?: boolean;
  readonly windowConfigured: boolean;
  readonly maxImageBytes: number;
}

export interface ParsedUpdateRequest {
  readonly job: Job;
  /** Whether the caller gave the operation id, which then alone says whether two requests are one. */
  readonly callerGaveId: boolean;
}

/**
 * The job that a request asks for, or why there is none. The request comes from the method `firmwareUpdate` or from the
 * desired `firmware` document: both say the same with the same keys.
 * @param newOperationId used where the caller gave none
 */
export function parseUpdateRequest(
  payload: unknown,
  origin: Job["origin"],
  terms: UpdateLimits,
  newOperationId: string,
): Validated<ParsedUpdateRequest> {
  const request: Checked<FirmwareUpdateRequest> = parseFirmwareUpdateRequest(payload);
  if (!request.ok) return invalidPayload(request.problems);
  const {
    fwPackageUri,
    fwPackageURI,
    fwPackageCheckValue,
    fwPackageSize,
    fwVersion,
    mirrors = [],
    ...rest
  } = request.value;

  const uri = fwPackageUri ?? fwPackageURI;
  if (uri === undefined) return invalidPayload(["fwPackageUri: is missing; give the address of the image"]);
  if (fwPackageURI !== undefined && fwPackageURI !== uri) {
    return invalidPayload(["fwPackageUri, fwPackageURI: expected one of them, got two that differ"]);
  }
  if (rest.fwManifestUri !== undefined) {
    const why = "fwManifestUri: this agent does not check signed manifests, so it will not act as if it had";
    return rejectRequest(400, "manifest-unsupported", `Bad request: ${why}. Leave it out.`);
  }
  if (rest.apply === "window" && !terms.windowConfigured) {
    return rejectRequest(
      400,
      "window-missing",
      'apply: no maintenance window is configured on this board. Set maintenance.windows, or ask for "now" or "manual".',
    );
  }

  const digest = /^(?:sha256:)?([0-9a-f]{64})$/i.exec(fwPackageCheckValue ?? "")?.[1]?.toLowerCase() ?? null;
  const rehearsal = digest === null;
  if (rehearsal && !terms.simulated) {
    const came = fwPackageCheckValue === undefined ? "nothing" : `"${truncateUtf8(redact(fwPackageCheckValue), 80)}"`;
    return invalidPayload([
      `fwPackageCheckValue: expected the image's SHA-256 in 64 hex digits ("sha256:" allowed in front), got ${came}`,
    ]);
  }
  if (!rehearsal) {
    if (!terms.canInstall) {
      return rejectRequest(
        400,
        "no-installer",
        "No installer is configured on this board. Set update.installer in its config.",
      );
    }
    const addresses = { fwPackageUri: uri, ...Object.fromEntries(mirrors.map((one, at) => [`mirrors.${at}`, one])) };
    for (const [key, address] of Object.entries(addresses)) {
      const checked = checkAddress(key, address, terms);
      if (!checked.ok) return checked;
    }
    if (fwPackageSize !== undefined && fwPackageSize > terms.maxImageBytes) {
      return rejectRequest(
        400,
        "image-too-large",
        `fwPackageSize: ${fwPackageSize} bytes is more than this board accepts (${terms.maxImageBytes}).`,
      );
    }
  }
  const job: Job = {
    operationId: rest.operationId ?? newOperationId,
    origin,
    version: versionLabel(fwVersion, digest),
    uri,
    ...(mirrors.length === 0 ? {} : { mirrors }),
    sha256: digest,
    sizeBytes: fwPackageSize ?? null,
    apply: rest.apply ?? "now",
    rehearsal,
  };
  return { ok: true, value: { job, callerGaveId: rest.operationId !== undefined } };
}

function checkAddress(
  key: string,
  uri: string,
  { allowHttp, allowFileUri: allowFile }: UpdateLimits,
): Validated<undefined> {
  const protocol = URL.canParse(uri) ? new URL(uri).protocol : undefined;
  if (protocol === "file:" && allowFile === true) return { ok: true, value: undefined };
  if (protocol === "https:" || (protocol === "http:" && allowHttp)) return { ok: true, value: undefined };
  if (protocol === "http:") {
    return rejectRequest(400, "insecure-address", `${key}: plain http is not fetched. Serve the image over https.`);
  }
  return rejectRequest(400, "bad-address", `${key}: expected an https:// address.`);
}

/** True when two jobs are one: the same image as the same version. Rehearsals are always new. */
export function isSameImage(
  a: { readonly version: string; readonly sha256: string | null },
  b: { readonly version: string; readonly sha256: string | null },
): boolean {
  return a.sha256 !== null && a.sha256 === b.sha256 && a.version === b.version;
}
