import type { JsonObject } from "../../agent/contract/json.ts";
import { versionLabel } from "../../agent/contract/methods.ts";

/** What an update is asked to install, and how. */
export interface UpdateRequest {
  readonly uri: string;
  /** 64 hex digits; undefined for a rehearsal, which fetches nothing. */
  readonly sha256: string | undefined;
  readonly version: string | undefined;
  readonly sizeBytes: number | undefined;
  readonly apply: "now" | "window" | "manual" | undefined;
  readonly operationId: string;
}

/** As the payload of the method `firmwareUpdate`. */
export function toMethodPayload({ uri, sha256, version, sizeBytes, apply, operationId }: UpdateRequest): JsonObject {
  return {
    fwPackageUri: uri,
    ...(sha256 === undefined ? {} : { fwPackageCheckValue: sha256 }),
    ...(version === undefined ? {} : { fwVersion: version }),
    ...(sizeBytes === undefined ? {} : { fwPackageSize: sizeBytes }),
    ...(apply === undefined ? {} : { apply }),
    operationId,
  };
}

/**
 * As a change of the desired properties. The hub merges it into the document there is, so what this request does not say is
 * removed: a size or a manifest of an older image must not speak for the new one.
 */
export function toDesiredProperties({
  uri,
  sha256,
  version,
  sizeBytes,
  apply,
  operationId,
}: UpdateRequest): JsonObject {
  return {
    firmware: {
      fwVersion: version ?? null,
      fwPackageURI: uri,
      fwPackageUri: null,
      fwPackageCheckValue: sha256 ?? null,
      fwPackageSize: sizeBytes ?? null,
      fwManifestUri: null,
      apply: apply ?? null,
      operationId,
    },
  };
}

/** What runs once the update is proven. */
export function expectedVersion({ version, sha256 }: UpdateRequest): string {
  return versionLabel(version, sha256 ?? null);
}
