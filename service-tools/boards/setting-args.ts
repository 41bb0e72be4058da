import type { Json, JsonObject } from "../../agent/contract/json.ts";

/** A setting by its name in the TOML file, and what it is to be; null takes it away. */
export interface Assignment {
  readonly name: string;
  readonly value: Json;
}

/**
 * Reads `name=value`: the value as JSON where it is JSON, else as the text that it is; nothing after the `=` takes the setting
 * away. Undefined for what has no name or no `=`.
 */
export function assignmentFrom(text: string): Assignment | undefined {
  const [, name, written = ""] = /^([a-z]+(?:[.-][a-z]+)+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined) return undefined;
  return { name, value: written === "" ? null : valueOf(written) };
}

/** The change of the desired section that comes of assignments; a later one wins. */
export function sectionPatch(assignments: readonly Assignment[]): JsonObject {
  const patch: { [key: string]: Json } = {};
  for (const { name, value } of assignments) {
    const path = name.split(".");
    const last = path.pop() ?? name;
    let section = patch;
    for (const key of path) section = within(section, key);
    section[last] = value;
  }
  return patch;
}

function within(parent: { [key: string]: Json }, key: string): { [key: string]: Json } {
  const made: { [key: string]: Json } = {};
  const there = parent[key];
  if (typeof there === "object" && there !== null && !Array.isArray(there)) Object.assign(made, there);
  parent[key] = made;
  return made;
}

function valueOf(written: string): Json {
  try {
    return JSON.parse(written);
  } catch {
    return written;
  }
}
