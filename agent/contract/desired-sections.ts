import { isJsonObject, type Json, type JsonObject } from "./json.ts";
import { nearestKey } from "./near-keys.ts";
import { truncateUtf8 } from "./safe-text.ts";

/* The sections of the desired properties that are ours. Other software has keys beside them, which are left alone. */

const sectionNames = ["firmware", "boardkeeper"] as const;
type SectionName = (typeof sectionNames)[number];

/** A whole twin, or a call to the hub's REST API, has the desired properties below these keys. */
const wrappers = [["properties", "desired"], ["desired"]] as const;

/**
 * A section as the desired properties have it. `misnamed`: it is not there, but something is that was probably meant to be it.
 * A section that is misnamed was not taken away: nothing may be undone because of it.
 */
export type DesiredSection =
  | { readonly kind: "present"; readonly value: Json }
  | { readonly kind: "absent"; readonly value: null }
  | { readonly kind: "misnamed"; readonly problem: string; readonly value: Json };

/** Finds one of our sections. A null is an absent one: in a twin it removes the key. */
export function findSection(document: JsonObject, name: SectionName): DesiredSection {
  const value = document[name] ?? null;
  if (value !== null) return { kind: "present", value };
  return misnamedSection(document, name) ?? { kind: "absent", value: null };
}

/** What is wrong with the names of sections where the right name is there as well: that section counts, and this one does not. */
export function sectionProblems(document: JsonObject): readonly string[] {
  return sectionNames
    .filter((name) => (document[name] ?? null) !== null)
    .flatMap((name) => misnamedSection(document, name)?.problem ?? []);
}

/** Our sections are objects: another value under such a key is other software's. */
function misnamedSection(
  document: JsonObject,
  name: SectionName,
): Extract<DesiredSection, { kind: "misnamed" }> | undefined {
  const [key, value] =
    Object.entries(document).find(([one, inside]) => isJsonObject(inside) && nearestKey(one, sectionNames) === name) ??
    [];
  if (key !== undefined && value !== undefined)
    return {
      kind: "misnamed",
      problem: `${truncateUtf8(key, 80)}: not a known section (did you mean ${name}?)`,
      value,
    };
  for (const path of wrappers) {
    const inside = path.reduce<Json | undefined>(
      (tree, step) => (isJsonObject(tree) ? tree[step] : undefined),
      document,
    );
    if (!isJsonObject(inside) || !isJsonObject(inside[name])) continue;
    const problem = `${path.join(".")}: ${name} is wrapped in another object; send what is inside it, without ${path.join(".")} around it`;
    return { kind: "misnamed", problem, value: inside[name] };
  }
  return undefined;
}
