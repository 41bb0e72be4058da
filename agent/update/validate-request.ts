import type { Checked } from "../contract/check.ts";
import { readCheckValue } from "../contract/check-value.ts";
import { parseFirmwareUpdateRequest, type FirmwareUpdateRequest, versionLabel } from "../contract/methods.ts";
import { redact, truncateUtf8 } from "../contract/safe-text.ts";
import { rejectRequest, invalidPayload, type Validated } from "../contract/error-response.ts";
import type { Job } from "./job.ts";
import { checkAddress, checkVersionAlone, type AddressLimits } from "./image-address.ts";

/** What the board's settings allow. A simulated board does a dry run where the check value is no digest. */
export interface UpdateLimits extends AddressLimits {
  /** False where no installer is configured. */
  readonly canInstall: boolean;
  readonly windowConfigured: boolean;
  readonly maxImageBytes: number;
}

export interface ParsedUpdateRequest {
  readonly job: Job;
  /** Whether the caller gave the operation id: then it alone identifies the request. */
  readonly callerGaveId: boolean;
}

/**
 * The job of a request, or why it is refused. The method `firmwareUpdate` and the desired `firmware` document use the same
 * keys.
 * @param newOperationId used where the caller gives none
 */
export function parseUpdateRequest(
  payload: unknown,
  origin: Job["origin"],
  limits: UpdateLimits,
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
    ...other
  } = request.value;

  const isVersionAlone =
    fwVersion !== undefined &&
    (fwPackageUri ?? fwPackageURI ?? fwPackageCheckValue) === undefined &&
    mirrors.length === 0;
  const address = isVersionAlone
    ? checkVersionAlone(limits)
    : { ok: true as const, value: fwPackageUri ?? fwPackageURI };
  if (!address.ok) return address;
  const uri = address.value;
  if (uri === undefined) return invalidPayload(["fwPackageUri: missing; give the image's address"]);
  if (fwPackageURI !== undefined && fwPackageURI !== uri) {
    return invalidPayload(["fwPackageUri, fwPackageURI: expected one of them, got two different values"]);
  }
  if (other.fwManifestUri !== undefined) {
    const why = "fwManifestUri: this agent reads no manifests. Signatures are in the metadata of update.repository";
    return rejectRequest(400, "manifest-unsupported", `Bad request: ${why}. Leave it out.`);
  }
  if (other.apply === "window" && !limits.windowConfigured) {
    return rejectRequest(
      400,
      "window-missing",
      'apply: no maintenance window is configured on this board. Set maintenance.windows, or use "now" or "manual".',
    );
  }

  const checkValue = readCheckValue(fwPackageCheckValue);
  const digest = checkValue.kind === "sha256" ? checkValue.hex : null;
  const rehearsal = digest === null && !isVersionAlone;
  if (checkValue.kind === "otherNotation" || (rehearsal && !limits.simulated)) {
    const text = fwPackageCheckValue === undefined ? "nothing" : `"${truncateUtf8(redact(fwPackageCheckValue), 80)}"`;
    const given = checkValue.kind === "otherNotation" ? `${checkValue.name}: ${text}` : text;
    return invalidPayload([
      `fwPackageCheckValue: expected the image's SHA-256 in 64 hex digits (or in base64), got ${given}`,
    ]);
  }
  if (!rehearsal) {
    if (!limits.canInstall) {
      return rejectRequest(
        400,
        "no-installer",
        "No installer is configured on this board. Set update.installer in its configuration.",
      );
    }
    const addresses = { fwPackageUri: uri, ...Object.fromEntries(mirrors.map((one, at) => [`mirrors.${at}`, one])) };
    for (const [key, one] of Object.entries(addresses)) {
      const checked = isVersionAlone ? address : checkAddress(key, one, limits);
      if (!checked.ok) return checked;
    }
    if (fwPackageSize !== undefined && fwPackageSize > limits.maxImageBytes) {
      return rejectRequest(
        400,
        "image-too-large",
        `fwPackageSize: ${fwPackageSize} bytes is more than this board accepts (${limits.maxImageBytes}). Raise update.max-image-size, or shrink the image.`,
      );
    }
  }
  const job: Job = {
    operationId: other.operationId ?? newOperationId,
    origin,
    version: versionLabel(fwVersion, digest),
    uri,
    ...(mirrors.length === 0 ? {} : { mirrors }),
    sha256: digest,
    sizeBytes: fwPackageSize ?? null,
    apply: other.apply ?? "now",
    ...(other.startBy === undefined ? {} : { startBy: new Date(other.startBy).toISOString() }),
    rehearsal,
    ...(limits.trust !== "digest" && !rehearsal ? { unresolved: true as const } : {}),
  };
  return { ok: true, value: { job, callerGaveId: other.operationId !== undefined } };
}
