import type { JsonObject } from "../../agent/contract/json.ts";
import { versionLabel } from "../../agent/contract/methods.ts";

/** Which image to install, and when. */
export interface UpdateRequest {
  /** Undefined where the board is to find the version in its repository. */
  readonly uri: string | undefined;
  /** 64 hex digits; undefined for a rehearsal, which downloads nothing. */
  readonly sha256: string | undefined;
  readonly version: string | undefined;
  readonly sizeBytes: number | undefined;
  readonly apply: "now" | "window" | "manual" | undefined;
  /** The time by which it must begin to change the board. */
  readonly startBy: Date | undefined;
  readonly operationId: string;
}

/** The payload of the method `firmwareUpdate`. */
export function toMethodPayload(request: UpdateRequest): JsonObject {
  const { uri, sha256, version, sizeBytes, apply, startBy, operationId } = request;
  return {
    ...(uri === undefined ? {} : { fwPackageUri: uri }),
    ...(sha256 === undefined ? {} : { fwPackageCheckValue: sha256 }),
    ...(version === undefined ? {} : { fwVersion: version }),
    ...(sizeBytes === undefined ? {} : { fwPackageSize: sizeBytes }),
    ...(apply === undefined ? {} : { apply }),
    ...(startBy === undefined ? {} : { startBy: startBy.toISOString() }),
    operationId,
  };
}

/**
 * The patch of the desired properties. The hub merges it, so everything that this request does not set is removed: the size
 * or the mirrors of an older image must not stay beside the new one, nor the time by which that was to begin.
 */
export function toDesiredProperties({
  uri,
  sha256,
  version,
  sizeBytes,
  apply,
  startBy,
  operationId,
}: UpdateRequest): JsonObject {
  return {
    firmware: {
      fwVersion: version ?? null,
      fwPackageURI: uri ?? null,
      fwPackageUri: null,
      fwPackageCheckValue: sha256 ?? null,
      fwPackageSize: sizeBytes ?? null,
      fwManifestUri: null,
      mirrors: null,
      apply: apply ?? null,
      startBy: startBy?.toISOString() ?? null,
      operationId,
    },
  };
}

/** The version that runs once the update is proven. */
export function expectedVersion({ version, sha256 }: UpdateRequest): string {
  return versionLabel(version, sha256 ?? null);
}
