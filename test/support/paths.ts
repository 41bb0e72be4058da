import { isJsonObject, type Json } from "../../agent/contract/json.ts";

/** A value in a tree by its path, as in `boardkeeper.update.phase`; undefined where there is none. */
export function at(tree: unknown, path: string): Json | undefined {
  let value = tree;
  for (const key of path.split(".")) {
    if (!isJsonObject(value)) return undefined;
    value = value[key];
  }
  return value as Json | undefined;
}

/** A tree as text by which two can be compared: keys in order, without nulls and `$version`, which no board reports. */
export function canonical(tree: unknown): string {
  return JSON.stringify(sorted(tree));
}

function sorted(tree: unknown): unknown {
  if (Array.isArray(tree)) return tree.map(sorted);
  if (!isJsonObject(tree)) return tree;
  const entries = Object.entries(tree).filter(([key, one]) => !key.startsWith("$") && one !== null);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, one]) => [key, sorted(one)]));
}
