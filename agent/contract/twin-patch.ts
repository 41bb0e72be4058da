import { isJsonObject, type Json, type JsonObject } from "./json.ts";

/**
 * Merges a twin patch as IoT Hub does: objects merge member by member, null removes, everything else (arrays too)
 * replaces. Source: "Understand and use device twins in IoT Hub". The SDK's own merge gets shrinking arrays wrong.
 */
export function mergePatch(target: JsonObject, patch: JsonObject): JsonObject {
  const merged: { [key: string]: Json } = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else if (isJsonObject(value)) {
      const old = merged[key];
      merged[key] = mergePatch(isJsonObject(old) ? old : {}, value);
    } else merged[key] = value;
  }
  return merged;
}

/**
 * The smallest patch that brings what the twin holds to what it should say, for the keys of `target` alone; undefined
 * when there is nothing to change. Null in `target` means that the twin should not have the key.
 */
export function patchBetween(held: JsonObject, target: JsonObject): JsonObject | undefined {
  const patch: { [key: string]: Json } = {};
  for (const [key, wanted] of Object.entries(target)) {
    const old = Object.hasOwn(held, key) ? held[key] : undefined;
    const change = changeOf(old, wanted);
    if (change !== undefined) patch[key] = change;
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}

function changeOf(old: Json | undefined, wanted: Json): Json | undefined {
  if (wanted === null) return old === undefined ? undefined : null;
  if (!isJsonObject(wanted)) return isSame(old, wanted) ? undefined : wanted;
  if (isJsonObject(old)) return patchBetween(old, wanted);
  return mergePatch({}, wanted); // Nothing to remove where there was no object.
}

function isSame(a: Json | undefined, b: Json): boolean {
  return a === b || (Array.isArray(b) && JSON.stringify(a) === JSON.stringify(b));
}
