import { isJsonObject, ownProperty } from "../lib/json.ts";
import type { Json, JsonObject } from "../lib/json.ts";

/**
 * A twin section after a patch: members are added or replaced, objects merge into objects, arrays are replaced whole, `null`
 * removes. Removing the last member of an object leaves `{}`. Written without assignment to computed keys: a property
 * may be called `__proto__`.
 */
export function mergePatch(content: JsonObject, patch: JsonObject): JsonObject {
  const kept = Object.entries(content).flatMap(([key, value]): [string, Json][] => {
    const change = ownProperty(patch, key);
    if (change === undefined) return [[key, value]];
    return change === null ? [] : [[key, merged(value, change)]];
  });
  const added = Object.entries(patch).flatMap(([key, change]): [string, Json][] =>
    Object.hasOwn(content, key) || change === null ? [] : [[key, merged(undefined, change)]],
  );
  return Object.fromEntries([...kept, ...added]);
}

function merged(value: Json | undefined, change: Json): Json {
  if (!isJsonObject(change)) return change;
  return mergePatch(isJsonObject(value) ? value : {}, change);
}
