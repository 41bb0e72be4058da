import { isJsonObject, ownProperty } from "../lib/json.ts";
import type { Json, JsonObject } from "../lib/json.ts";

/**
 * A twin section after a patch: values are added or replaced, objects are merged, arrays are replaced whole, `null` removes.
 * Removing the last member of an object leaves `{}`. No computed key is assigned to: a property may be called `__proto__`.
 */
export function mergePatch(content: JsonObject, patch: JsonObject): JsonObject {
  const unchanged = Object.entries(content).flatMap(([key, value]): [string, Json][] => {
    const change = ownProperty(patch, key);
    if (change === undefined) return [[key, value]];
    return change === null ? [] : [[key, merged(value, change)]];
  });
  const added = Object.entries(patch).flatMap(([key, change]): [string, Json][] =>
    Object.hasOwn(content, key) || change === null ? [] : [[key, merged(undefined, change)]],
  );
  return Object.fromEntries([...unchanged, ...added]);
}

function merged(value: Json | undefined, change: Json): Json {
  if (!isJsonObject(change)) return change;
  return mergePatch(isJsonObject(value) ? value : {}, change);
}

/** When a part of a twin section was last written; for desired properties also in which version. */
export interface Stamp {
  readonly $lastUpdated: string;
  readonly $lastUpdatedVersion?: number;
}

/**
 * A section's `$metadata`: the same tree as its content, a stamp at every node ("not just the leaves of the JSON
 * structure, to preserve updates that remove object keys", iot-hub-devguide-device-twins). Stamps come before members.
 */
export function stampPatch(metadata: JsonObject, content: JsonObject, patch: JsonObject, stamp: Stamp): JsonObject {
  const members = Object.entries(content).map(([key, value]): [string, Json] => {
    const change = ownProperty(patch, key);
    const before = ownProperty(metadata, key);
    if (change === undefined && before !== undefined) return [key, before];
    return [key, stampValue(before, value, change ?? value, stamp)];
  });
  return Object.fromEntries([...Object.entries(stamp), ...members]);
}

/** The metadata of content that was written as a whole. */
export function stampWhole(content: JsonObject, stamp: Stamp): JsonObject {
  return stampPatch({}, content, content, stamp);
}

function stampValue(before: Json | undefined, value: Json, change: Json, stamp: Stamp): Json {
  if (!isJsonObject(value) || !isJsonObject(change)) return { ...stamp };
  return stampPatch(isJsonObject(before) ? before : {}, value, change, stamp);
}
