import { isoTime } from "../lib/clock.ts";
import type { Clock } from "../lib/clock.ts";
import { isJsonObject, ownProperty } from "../lib/json.ts";
import type { Json, JsonObject } from "../lib/json.ts";
import { RequestError, valueOrThrow } from "../lib/error-response.ts";
import type { ErrorResponse } from "../lib/error-response.ts";
import { argumentInvalid } from "../lib/error-catalog.ts";
import { twinFrom } from "../twins/twin.ts";
import type { Registry } from "./registry.ts";

/** "Maximum 100 devices per call" (rest/api/iothub/service/bulk-registry; registry.js, _processBulkDevices). */
const BULK_LIMIT = 100;

const modes = [
  "create",
  "createorupdate",
  "createorupdateifmatchetag",
  "update",
  "updateifmatchetag",
  "delete",
  "deleteifmatchetag",
] as const;

type Mode = (typeof modes)[number];

interface BulkItem {
  readonly deviceId: string;
  readonly moduleId?: string;
  readonly mode: Mode;
  readonly etag: string | undefined;
  readonly body: JsonObject;
}

interface BulkError {
  readonly deviceId: string;
  readonly moduleId?: string;
  readonly errorCode: string;
  readonly errorStatus: string;
}

export interface BulkResult {
  readonly isSuccessful: boolean;
  readonly errors: BulkError[];
  readonly warnings: never[];
}

/** The items of a bulk request: `[{id, moduleId?, importMode, eTag?, …identity, tags?, properties?}]`, modes in any case. */
export function parseBulkRequest(body: Json): BulkItem[] {
  if (!Array.isArray(body) || body.length === 0 || body.length > BULK_LIMIT) {
    throw new RequestError(argumentInvalid(`The request body must be an array of 1 to ${BULK_LIMIT} identities.`));
  }
  return body.map(readItem);
}

/** Applies the items one after the other; a failed one does not stop the others. */
export async function applyBulk(registry: Registry, items: readonly BulkItem[], clock: Clock): Promise<BulkResult> {
  const errors: BulkError[] = [];
  for (const item of items) {
    const error = await attempt(registry, item, isoTime(clock.nowMs()));
    if (error === undefined) continue;
    const { deviceId, moduleId } = item;
    const names = { deviceId, ...(moduleId === undefined ? {} : { moduleId }) };
    errors.push({ ...names, errorCode: error.name, errorStatus: error.message });
  }
  return { isSuccessful: errors.length === 0, errors, warnings: [] };
}

async function attempt(registry: Registry, item: BulkItem, at: string): Promise<ErrorResponse | undefined> {
  try {
    await (item.moduleId === undefined
      ? applyToDevice(registry, item, at)
      : applyToModule(registry, item, item.moduleId, at));
    return undefined;
  } catch (error) {
    if (error instanceof RequestError) return error.response;
    throw error;
  }
}

async function applyToDevice(registry: Registry, item: BulkItem, at: string): Promise<void> {
  const { deviceId, mode, body } = item;
  if (mode.startsWith("delete")) return registry.deleteDevice(deviceId, ifMatch(item));
  const create = mode === "create" || (mode.startsWith("create") && registry.device(deviceId) === undefined);
  if (create) await registry.createDevice(deviceId, body, valueOrThrow(twinFrom(body, at)));
  else await registry.putDevice(deviceId, body, ifMatch(item));
}

async function applyToModule(registry: Registry, item: BulkItem, moduleId: string, at: string): Promise<void> {
  const { deviceId, mode, body } = item;
  if (mode.startsWith("delete")) return registry.deleteModule(deviceId, moduleId, ifMatch(item));
  const known = registry.find({ deviceId, moduleId });
  const create = mode === "create" || (mode.startsWith("create") && known === undefined);
  if (create) await registry.createModule(deviceId, moduleId, body, valueOrThrow(twinFrom(body, at)));
  else await registry.putModule(deviceId, moduleId, body, ifMatch(item));
}

function ifMatch({ mode, etag }: BulkItem): string {
  return mode.endsWith("ifmatchetag") ? `"${etag ?? ""}"` : "*";
}

function readItem(item: Json): BulkItem {
  const fields = isJsonObject(item) ? item : {};
  const deviceId = ownProperty(fields, "id") ?? ownProperty(fields, "deviceId");
  const moduleId = ownProperty(fields, "moduleId");
  const mode = readMode(ownProperty(fields, "importMode"));
  if (typeof deviceId !== "string" || (moduleId !== undefined && typeof moduleId !== "string")) {
    throw new RequestError(argumentInvalid("Each identity of the array must have a string 'id'."));
  }
  const etag = ownProperty(fields, "eTag") ?? ownProperty(fields, "etag");
  return {
    deviceId,
    ...(moduleId === undefined ? {} : { moduleId }),
    mode,
    etag: typeof etag === "string" ? etag : undefined,
    body: fields,
  };
}

function readMode(value: Json | undefined): Mode {
  const requested = typeof value === "string" ? value.toLowerCase() : "create";
  const mode = modes.find((one) => one === requested);
  if (mode !== undefined) return mode;
  const known = "create, createOrUpdate, update, delete, and the three …IfMatchETag";
  throw new RequestError(argumentInvalid(`The importMode ${JSON.stringify(value)} is not one of ${known}.`));
}
