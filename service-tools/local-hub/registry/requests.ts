import { parseAuthentication } from "./authentication.ts";
import type { Authentication } from "./authentication.ts";
import { parseIfMatch, identityEtag } from "./identity.ts";
import { isJsonObject, ownProperty } from "../lib/json.ts";
import type { Json, JsonObject } from "../lib/json.ts";
import { success, failure } from "../lib/error-response.ts";
import type { ErrorResponse, Result } from "../lib/error-response.ts";
import { argumentInvalid, etagMissing, identityEtagMismatch } from "../lib/error-catalog.ts";

const STATUS_REASON_LIMIT = 128;

/** The fields of a device identity that a caller may set. */
export interface DeviceFields {
  readonly status: "enabled" | "disabled";
  readonly statusReason: string | null;
  readonly authentication: Authentication;
  readonly iotEdge: boolean;
}

export function parseDeviceFields(body: JsonObject, newKey: () => string): Result<DeviceFields> {
  const status = ownProperty(body, "status") ?? "enabled";
  if (status !== "enabled" && status !== "disabled") {
    return failure(argumentInvalid(`The status must be 'enabled' or 'disabled', not ${JSON.stringify(status)}.`));
  }
  const statusReason = ownProperty(body, "statusReason") ?? null;
  if (statusReason !== null && (typeof statusReason !== "string" || statusReason.length > STATUS_REASON_LIMIT)) {
    return failure(argumentInvalid(`The statusReason must be a string of at most ${STATUS_REASON_LIMIT} characters.`));
  }
  const authentication = parseAuthentication(ownProperty(body, "authentication"), newKey, "classic");
  if (!authentication.ok) return authentication;
  const iotEdge = readIotEdge(ownProperty(body, "capabilities"));
  return success({ status, statusReason, authentication: authentication.value, iotEdge });
}

export interface ModuleFields {
  readonly managedBy: string | null;
  readonly authentication: Authentication;
}

/** A write replaces the whole identity: a missing `managedBy` is cleared. */
export function parseModuleFields(body: JsonObject, newKey: () => string): Result<ModuleFields> {
  const managedBy = ownProperty(body, "managedBy") ?? null;
  if (managedBy !== null && typeof managedBy !== "string") {
    return failure(argumentInvalid("managedBy must be a string or null.", "bare"));
  }
  const authentication = parseAuthentication(ownProperty(body, "authentication"), newKey, "bare");
  return authentication.ok ? success({ managedBy, authentication: authentication.value }) : authentication;
}

/** The error when the id in the body is not the one in the path, or undefined. */
export function checkSameId(
  body: JsonObject,
  key: "deviceId" | "moduleId",
  expected: string,
): ErrorResponse | undefined {
  const named = ownProperty(body, key);
  if (named === undefined || named === null || named === expected) return undefined;
  return argumentInvalid(`The ${key} in the body, ${JSON.stringify(named)}, is not the one in the URI, '${expected}'.`);
}

/** The error when the If-Match header does not match this etag, or undefined. */
export function checkIdentityEtag(ifMatch: string | undefined, etagCounter: number): ErrorResponse | undefined {
  const requested = parseIfMatch(ifMatch);
  if (requested === undefined) return etagMissing();
  if (requested === "any" || requested.etag === identityEtag(etagCounter)) return undefined;
  return identityEtagMismatch();
}

function readIotEdge(capabilities: Json | undefined): boolean {
  return isJsonObject(capabilities) && ownProperty(capabilities, "iotEdge") === true;
}
