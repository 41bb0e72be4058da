import { isJsonObject, ownProperty } from "../lib/json.ts";
import type { Json, JsonObject } from "../lib/json.ts";
import { success, failure } from "../lib/error-response.ts";
import type { ErrorResponse, Result } from "../lib/error-response.ts";
import { argumentInvalid } from "../lib/error-catalog.ts";
import { checkContent, checkNoNulls, checkSize } from "./limits.ts";
import type { SectionName } from "./limits.ts";
import { mergePatch, stampPatch, stampWhole } from "./patch.ts";

/** Desired or reported properties, their `$metadata` and their `$version`. */
export interface Section {
  readonly content: JsonObject;
  readonly metadata: JsonObject;
  readonly version: number;
}

/**
 * A device's or a module's twin. `etagCounter` counts the writes of the service, `version` all writes: in twins of real hubs
 * the etag grows with the desired `$version` only, and the version is the sum of desired and reported.
 */
export interface Twin {
  readonly tags: JsonObject;
  readonly desired: Section;
  readonly reported: Section;
  readonly version: number;
  readonly etagCounter: number;
}

/** A twin after a write, and the notification for a connected device (none when desired properties did not change). */
export interface TwinWrite {
  readonly twin: Twin;
  readonly notification?: JsonObject;
}

export function newTwin(createdAt: string): Twin {
  const section: Section = { content: {}, metadata: { $lastUpdated: createdAt }, version: 1 };
  return { tags: {}, desired: section, reported: section, version: 2, etagCounter: 1 };
}

/** The first twin of an identity that is created with tags and desired properties. Its version is 1. */
export function twinFrom(body: JsonObject, at: string): Result<Twin> {
  const parsed = readServiceBody(body);
  if (!parsed.ok) return parsed;
  const fresh = newTwin(at);
  const tags = mergePatch({}, parsed.value.tags ?? {});
  const content = mergePatch({}, parsed.value.desired ?? {});
  const error = checkSize("tags", tags) ?? checkSize("desired", content);
  if (error !== undefined) return failure(error);
  const metadata = stampWhole(content, { $lastUpdated: at, $lastUpdatedVersion: 1 });
  return success({ ...fresh, tags, desired: { content, metadata, version: 1 } });
}

/** PATCH by the service: tags and desired properties are merged. The device gets the patch itself, nulls included. */
export function patchByService(twin: Twin, body: JsonObject, at: string): Result<TwinWrite> {
  const parsed = readServiceBody(body);
  if (!parsed.ok) return parsed;
  const tags = mergePatch(twin.tags, parsed.value.tags ?? {});
  const patch = parsed.value.desired ?? {};
  const content = mergePatch(twin.desired.content, patch);
  const error = checkSize("tags", tags) ?? checkSize("desired", content);
  if (error !== undefined) return failure(error);
  if (Object.keys(patch).length === 0) return success({ twin: serviceWrite(twin, tags, twin.desired) });
  const version = twin.desired.version + 1;
  const stamp = { $lastUpdated: at, $lastUpdatedVersion: version };
  const metadata = stampPatch(twin.desired.metadata, content, patch, stamp);
  const notification = { ...patch, $version: version };
  return success({ twin: serviceWrite(twin, tags, { content, metadata, version }), notification });
}

/**
 * PUT by the service: tags and desired properties are replaced. "The device receives the same form of update (partial or
 * full replacement) executed by the solution back end", so here the whole document.
 */
export function replaceByService(twin: Twin, body: JsonObject, at: string): Result<TwinWrite> {
  const parsed = readServiceBody(body);
  if (!parsed.ok) return parsed;
  const { tags = {}, desired: content = {} } = parsed.value;
  const error = checkNoNulls(tags) ?? checkNoNulls(content) ?? checkSize("tags", tags) ?? checkSize("desired", content);
  if (error !== undefined) return failure(error);
  const version = twin.desired.version + 1;
  const metadata = stampWhole(content, { $lastUpdated: at, $lastUpdatedVersion: version });
  const notification = { ...content, $version: version };
  return success({ twin: serviceWrite(twin, tags, { content, metadata, version }), notification });
}

/** PATCH by the device: reported properties are merged. The same rules hold for keys, so `$version` is rejected. */
export function patchByDevice(twin: Twin, patch: Json, at: string): Result<Twin> {
  if (!isJsonObject(patch)) return failure(argumentInvalid("Reported properties must be a JSON object."));
  const content = mergePatch(twin.reported.content, patch);
  const error = checkContent(patch) ?? checkSize("reported", content);
  if (error !== undefined) return failure(error);
  const metadata = stampPatch(twin.reported.metadata, content, patch, { $lastUpdated: at });
  const reported = { content, metadata, version: twin.reported.version + 1 };
  return success({ ...twin, reported, version: twin.version + 1 });
}

/** The twin as the device reads it: no tags, no metadata (iot-mqtt-connect-to-iot-hub, "Retrieving a device twin's properties"). */
export function deviceView({ desired, reported }: Twin): JsonObject {
  return {
    desired: { ...desired.content, $version: desired.version },
    reported: { ...reported.content, $version: reported.version },
  };
}

function serviceWrite(twin: Twin, tags: JsonObject, desired: Section): Twin {
  return { ...twin, tags, desired, version: twin.version + 1, etagCounter: twin.etagCounter + 1 };
}

const readOnlyKeys = new Set(["$metadata", "$version"]);

interface ServiceBody {
  readonly tags: JsonObject | undefined;
  readonly desired: JsonObject | undefined;
}

/**
 * SDKs of other languages send back a whole twin that they have read: everything but tags and desired properties is ignored,
 * and so are the read-only `$metadata` and `$version` (azure-sdk-for-net, DevicesClient_DeviceTwinLifecycle).
 */
function readServiceBody(body: JsonObject): Result<ServiceBody> {
  const properties = ownProperty(body, "properties") ?? {};
  if (!isJsonObject(properties)) return failure(argumentInvalid("'properties' must be a JSON object."));
  const tags = readSection("tags", ownProperty(body, "tags"));
  if (!tags.ok) return tags;
  const desired = readSection("desired", ownProperty(properties, "desired"));
  if (!desired.ok) return desired;
  return success({ tags: tags.value, desired: desired.value });
}

function readSection(name: SectionName, value: Json | undefined): Result<JsonObject | undefined> {
  if (value === undefined || value === null) return success(undefined);
  if (!isJsonObject(value)) return failure(argumentInvalid(`'${name}' must be a JSON object.`));
  const content: JsonObject = Object.fromEntries(Object.entries(value).filter(([key]) => !readOnlyKeys.has(key)));
  const error: ErrorResponse | undefined = checkContent(content);
  return error === undefined ? success(content) : failure(error);
}
