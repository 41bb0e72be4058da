import { isJsonObject, type Json, type JsonObject } from "../../agent/contract/json.ts";

/* The remote configuration of a board: the section `boardkeeper` of its desired properties. */

/** A setting by its name in the TOML file; the value null removes it. */
export interface SettingAssignment {
  readonly name: string;
  readonly value: Json;
}

/**
 * Parses `name=value`. The value is JSON if it is valid JSON, else text; an empty value removes the setting. Undefined
 * without a valid name or without `=`.
 */
export function parseSetting(argument: string): SettingAssignment | undefined {
  const [, name, text = ""] = /^([a-z]+(?:[.-][a-z]+)+)=(.*)$/s.exec(argument) ?? [];
  if (name === undefined) return undefined;
  return { name, value: text === "" ? null : jsonOrText(text) };
}

/** The patch of the section that makes these assignments; a later one wins. */
export function desiredPatch(assignments: readonly SettingAssignment[]): JsonObject {
  const patch: { [key: string]: Json } = {};
  for (const { name, value } of assignments) {
    const path = name.split(".");
    const last = path.pop() ?? name;
    let section = patch;
    for (const key of path) section = subsection(section, key);
    section[last] = value;
  }
  return patch;
}

/** The section in a twin; null when nothing is set over the hub. */
export function remoteConfigOf(twin: JsonObject): JsonObject | null {
  const properties = isJsonObject(twin["properties"]) ? twin["properties"] : {};
  const desired = isJsonObject(properties["desired"]) ? properties["desired"] : {};
  return isJsonObject(desired["boardkeeper"]) ? desired["boardkeeper"] : null;
}

/** The object at `key`, created if needed. */
function subsection(parent: { [key: string]: Json }, key: string): { [key: string]: Json } {
  const section: { [key: string]: Json } = {};
  const before = parent[key];
  if (typeof before === "object" && before !== null && !Array.isArray(before)) Object.assign(section, before);
  parent[key] = section;
  return section;
}

function jsonOrText(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
