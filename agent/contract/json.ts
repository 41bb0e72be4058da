/** JSON as it crosses the wire and lies on disk. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export type JsonObject = { readonly [key: string]: Json };

/** True for a JSON object: not null, not an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * One JSON text for equal contents: keys sorted at every depth, so that key order never makes two documents differ.
 * Members that are undefined are left out, as JSON.stringify does.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`).join(",")}}`;
}

/* Reading a board's reported properties without trusting them: another release of the agent, or a person, may have written them. */

/** The object under a key; empty where there is none. */
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
