import { isJsonObject, type JsonObject } from "./json.ts";

/* Reads a board's report without trusting it: another release of the agent, or somebody's hand, may have written it. */

/** The section under a key; empty where there is none. */
export function sectionAt(parent: JsonObject, key: string): JsonObject {
  const value = parent[key];
  return isJsonObject(value) ? value : {};
}

/** The text under a key; null where there is none. */
export function textAt(parent: JsonObject, key: string): string | null {
  const value = parent[key];
  return typeof value === "string" ? value : null;
}

/** The texts under a key; none where there is no list. */
export function textsAt(parent: JsonObject, key: string): readonly string[] {
  const value = parent[key];
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}
