import { readAuthentication } from "./authentication.ts";
import type { Authentication } from "./authentication.ts";
import { askedEtag, identityEtag } from "./etag.ts";
import { isJsonObject, member } from "../lib/json.ts";
import type { Json, JsonObject } from "../lib/json.ts";
import { granted, refused } from "../lib/error-response.ts";
import type { Refusal, Verdict } from "../lib/error-response.ts";
import { argumentInvalid, etagMissing, identityEtagMismatch } from "../lib/error-catalog.ts";

const STATUS_REASON_LIMIT = 128;

/** The fields of a device identity that a caller may choose. */
export interface DeviceFields {
  readonly status: "enabled" | "disabled";
  readonly statusReason: string | null;
  readonly authentication: Authentication;
  readonly iotEdge: boolean;
}

export function readDeviceFields(body: JsonObject, newKey: () => string): Verdict<DeviceFields> {
  const status = member(body, "status") ?? "enabled";
  if (status !== "enabled" && status !== "disabled") {
    return refused(argumentInvalid(`The status must be 'enabled' or 'disabled', not ${JSON.stringify(status)}.`));
  }
  const statusReason = member(body, "statusReason") ?? null;
  if (statusReason !== null && (typeof statusReason !== "string" || statusReason.length > STATUS_REASON_LIMIT)) {
    return refused(argumentInvalid(`The statusReason must be a string of at most ${STATUS_REASON_LIMIT} characters.`));
  }
  const authentication = readAuthentication(member(body, "authentication"), newKey, "classic");
  if (!authentication.ok) return authentication;
  const iotEdge = readIotEdge(member(body, "capabilities"));
  return granted({ status, statusReason, authentication: authentication.value, iotEdge });
}

export interface ModuleFields {
  readonly managedBy: string | null;
  readonly authentication: Authentication;
}

/** A full replacement: a `managedBy` that is left out is cleared. */
export function readModuleFields(body: JsonObject, newKey: () => string): Verdict<ModuleFields> {
  const managedBy = member(body, "managedBy") ?? null;
  if (managedBy !== null && typeof managedBy !== "string") {
    return refused(argumentInvalid("managedBy must be a string or null.", "bare"));
  }
  const authentication = readAuthentication(member(body, "authentication"), newKey, "bare");
  return authentication.ok ? granted({ managedBy, authentication: authentication.value }) : authentication;
}

/** Why an id in the body contradicts the one in the path, or undefined. */
export function refuseOtherId(body: JsonObject, key: "deviceId" | "moduleId", expected: string): Refusal | undefined {
  const named = member(body, key);
  if (named === undefined || named === null || named === expected) return undefined;
  return argumentInvalid(`The ${key} in the body, ${JSON.stringify(named)}, is not the one in the URI, '${expected}'.`);
}

/** Why an If-Match header forbids to change or to remove what has this etag, or undefined. */
export function refuseIdentityEtag(ifMatch: string | undefined, etagCounter: number): Refusal | undefined {
  const asked = askedEtag(ifMatch);
  if (asked === undefined) return etagMissing();
  if (asked === "any" || asked.etag === identityEtag(etagCounter)) return undefined;
  return identityEtagMismatch();
}

function readIotEdge(capabilities: Json | undefined): boolean {
  return isJsonObject(capabilities) && member(capabilities, "iotEdge") === true;
}
