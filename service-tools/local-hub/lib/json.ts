/** JSON as it is sent and stored. */
export type Json = null | boolean | number | string | Json[] | JsonObject;
export type JsonObject = { [key: string]: Json };

/** True for a JSON object: not null, not an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The object's own property, or undefined: never an inherited one, whatever the name is (`__proto__`, `constructor` …). */
export function ownProperty(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/**
 * How deep JSON may nest. The real hub's limit is not documented; 64 is the default of Newtonsoft.Json. Without a limit a
 * small text could nest deeper than a recursive function can follow.
 */
export const NESTING_LIMIT = 64;

/** The JSON value of a text, or undefined when the text is not JSON or nests deeper than the limit. */
export function parseJson(text: string): Json | undefined {
  try {
    const value: Json = JSON.parse(text);
    return nestsTooDeep(value) ? undefined : value;
  } catch {
    return undefined;
  }
}

function nestsTooDeep(value: Json): boolean {
  let level = [value].filter(isContainer);
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > NESTING_LIMIT) return true;
    level = level.flatMap((one) => Object.values(one)).filter(isContainer);
  }
  return false;
}

function isContainer(value: Json): value is Json[] | JsonObject {
  return typeof value === "object" && value !== null;
}
