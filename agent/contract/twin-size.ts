import { isJsonObject, type Json } from "./json.ts";

// eslint-disable-next-line no-control-regex -- the C0 and C1 control characters are the rule itself
const controlCharacters = /[\u0000-\u001f\u007f-\u009f]/g;

/**
 * The size of a part of a twin in bytes, as the hub counts it: keys and strings as UTF-8 without control characters, numbers 8,
 * booleans 4, null nothing. Source: iot-hub-devguide-device-twins#device-twin-size
 */
export function twinSize(value: Json): number {
  if (typeof value === "string") return new TextEncoder().encode(value.replace(controlCharacters, "")).length;
  if (typeof value === "number") return 8;
  if (typeof value === "boolean") return 4;
  if (Array.isArray(value)) return value.reduce<number>((sum, item: Json) => sum + twinSize(item), 0);
  if (!isJsonObject(value)) return 0;
  return Object.entries(value).reduce((sum, [key, member]) => sum + twinSize(key) + twinSize(member), 0);
}
