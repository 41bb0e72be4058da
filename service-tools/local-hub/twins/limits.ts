import { isJsonObject } from "../lib/json.ts";
import type { Json, JsonObject } from "../lib/json.ts";
import type { ErrorResponse } from "../lib/error-response.ts";
import { argumentInvalid, twinNullValue, twinStringTooLong, twinTooLarge } from "../lib/error-catalog.ts";

/** The sections of a twin that can be written. */
export type SectionName = "tags" | "desired" | "reported";

// "8-KB size limit on the value of tags, and a 32-KB size limit each on properties/desired and properties/reported",
// iot-hub-devguide-device-twins#device-twin-size. The other limits are of the same article, #tags-and-properties-format.
const sizeLimitBytes: Record<SectionName, number> = { tags: 8 * 1024, desired: 32 * 1024, reported: 32 * 1024 };
const KEY_LIMIT_BYTES = 1024;
const STRING_LIMIT_BYTES = 4096;
const DEPTH_LIMIT = 10;
const SMALLEST_INTEGER = -(2 ** 52);
const LARGEST_INTEGER = 2 ** 52 - 1;

// The article leaves out '#', which the hub refuses all the same: Azure/azure-iot-sdk-java #243.
// eslint-disable-next-line no-control-regex -- the C0 and C1 control characters are the rule itself
const forbiddenInKeys = /[\u0000-\u001f\u007f-\u009f.$# ]/;
// eslint-disable-next-line no-control-regex -- "excluding UNICODE control characters (segments C0 and C1)"
const controlCharacters = /[\u0000-\u001f\u007f-\u009f]/g;

/** The error when this patch (or whole section) is not valid, or undefined. */
export function checkContent(content: JsonObject): ErrorResponse | undefined {
  return checkObject(content, "", 0);
}

/** The error when the section is too large, or undefined. */
export function checkSize(section: SectionName, content: JsonObject): ErrorResponse | undefined {
  const limit = sizeLimitBytes[section];
  return sizeOf(content) <= limit ? undefined : twinTooLarge(section, limit);
}

/** The error when a section that replaces another one holds null, or undefined: null removes, and there is nothing to remove. */
export function checkNoNulls(content: JsonObject): ErrorResponse | undefined {
  for (const [key, value] of Object.entries(content)) {
    if (value === null) return twinNullValue(key);
    const inside = isJsonObject(value) ? checkNoNulls(value) : undefined;
    if (inside !== undefined) return inside;
  }
  return undefined;
}

function checkObject(object: JsonObject, path: string, depth: number): ErrorResponse | undefined {
  if (depth > DEPTH_LIMIT) {
    return argumentInvalid(`Twin properties are nested deeper than ${DEPTH_LIMIT} levels at '${path}'.`);
  }
  for (const [key, value] of Object.entries(object)) {
    const here = path === "" ? key : `${path}.${key}`;
    const error = checkKey(key) ?? checkValue(value, here, depth);
    if (error !== undefined) return error;
  }
  return undefined;
}

function checkKey(key: string): ErrorResponse | undefined {
  if (forbiddenInKeys.test(key)) {
    // Word for word as recorded in Azure/azure-iot-sdk-java #243.
    return argumentInvalid(
      `Property or Tag name has invalid characters. Error in Property/Tag ${key}. ` +
        "Must not contain Control Characters, '.', '$', '#', or ' '.",
    );
  }
  if (Buffer.byteLength(key) <= KEY_LIMIT_BYTES) return undefined;
  return argumentInvalid(`Property or Tag name is longer than ${KEY_LIMIT_BYTES} bytes: ${key.slice(0, 40)}….`);
}

function checkValue(value: Json, path: string, depth: number): ErrorResponse | undefined {
  if (typeof value === "string" && Buffer.byteLength(value) > STRING_LIMIT_BYTES) {
    return twinStringTooLong(lastKey(path), STRING_LIMIT_BYTES);
  }
  if (Number.isInteger(value) && (Number(value) < SMALLEST_INTEGER || Number(value) > LARGEST_INTEGER)) {
    return argumentInvalid(`The integer at '${path}' is not between ${SMALLEST_INTEGER} and ${LARGEST_INTEGER}.`);
  }
  if (isJsonObject(value)) return checkObject(value, path, depth + 1);
  return Array.isArray(value) ? checkArray(value, path, depth) : undefined;
}

/** `null` means "remove", which has no meaning in an array, so it is not allowed there. */
function checkArray(array: Json[], path: string, depth: number): ErrorResponse | undefined {
  for (const [index, item] of array.entries()) {
    const here = `${path}[${index}]`;
    const error = item === null ? argumentInvalid(`Null is not allowed in the array at '${here}'.`) : undefined;
    const inside = error ?? checkValue(item, here, depth);
    if (inside !== undefined) return inside;
  }
  return undefined;
}

/** The name of the property at a path such as `a.b[2]`: no key holds a dot. */
function lastKey(path: string): string {
  return path.replace(/(\[\d+\])+$/, "").replace(/^.*\./, "");
}

/** In bytes, counted as the article says: strings as UTF-8 without control characters, numbers 8, booleans 4. */
function sizeOf(value: Json): number {
  if (typeof value === "string") return Buffer.byteLength(value.replace(controlCharacters, ""));
  if (typeof value === "number") return 8;
  if (typeof value === "boolean") return 4;
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + sizeOf(item), 0);
  if (isJsonObject(value)) {
    return Object.entries(value).reduce((sum, [key, item]) => sum + Buffer.byteLength(key) + sizeOf(item), 0);
  }
  return 0;
}
