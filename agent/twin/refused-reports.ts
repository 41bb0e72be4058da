import { canonicalJson, isJsonObject, type Json, type JsonObject } from "../contract/json.ts";
import { mostReduced, reduceProperties, type ReductionLevel } from "../contract/twin-formats/reduced-properties.ts";
import { mergePatch, patchBetween } from "../contract/twin-patch.ts";
import { twinSize } from "../contract/twin-size.ts";

/*
 * What the hub has refused, and what may be sent all the same. Too large a report is reduced. A report that is refused for another
 * reason is sent in halves, and these in halves, until the property is found that the hub does not take: it alone is left out.
 */

/** A property's path, as a JSON array of its keys: a key may be the very thing that the hub does not take. */
type Path = string;

export interface Refusals {
  /** The smallest size of all reported properties that was too large; Infinity while none was. */
  readonly tooLargeBytes: number;
  /** The properties that the hub does not take, each with the value that it refused. */
  readonly refused: ReadonlyMap<Path, string>;
  /** What a refused report is made of: parts that are sent one after the other. Empty: the rest is sent whole. */
  readonly parts: readonly (readonly Path[])[];
  /** How many refusals may still be spent on finding out more. */
  readonly refusalsLeft: number;
  /** Whether the hub has taken anything since the first refusal. */
  readonly hasTaken: boolean;
}

/** Enough for one property among a hundred (1 + 7), and for some more beside it. */
const maxRefusals = 12;

export const noRefusals: Refusals = {
  tooLargeBytes: Number.POSITIVE_INFINITY,
  refused: new Map(),
  parts: [],
  refusalsLeft: maxRefusals,
  hasTaken: false,
};

/** A patch that has not been refused yet; undefined patch: the twin says so already. */
export interface Report {
  readonly level: ReductionLevel;
  readonly patch: JsonObject | undefined;
  /** The properties that are left out because the hub does not take them, as in `boardkeeper.board.model`. */
  readonly withheld: readonly string[];
  /** Whether the rest of the report is still to be sent after this. */
  readonly isPart: boolean;
}

/** The least reduced report that the hub may take, or its next part, by what it has refused; undefined when it takes none. */
export function largestReport(held: JsonObject, whole: JsonObject, refusals: Refusals): Report | undefined {
  if (refusals.refusalsLeft === 0 && !refusals.hasTaken) return undefined;
  const fits = (patch: JsonObject): boolean => twinSize(mergePatch(held, patch)) < refusals.tooLargeBytes;
  for (let level = 0; level <= mostReduced; level += 1) {
    const leaves = leavesOf(patchBetween(held, reduceProperties(whole, level)) ?? {});
    const withheld = [...leaves.keys()].filter((path) => isRefused(path, leaves.get(path) ?? null, refusals));
    for (const path of withheld) leaves.delete(path);
    const names = withheld.map((path) => keysOf(path).join("."));
    if (leaves.size === 0) return { level, patch: undefined, withheld: names, isPart: false };
    const patch = patchOf(leaves);
    if (refusals.tooLargeBytes !== Number.POSITIVE_INFINITY && !fits(patch)) continue;
    const parts = refusals.parts.map((paths) => new Map([...leaves].filter(([path]) => paths.includes(path))));
    const rest = new Map([...leaves].filter(([path]) => !refusals.parts.some((paths) => paths.includes(path))));
    const due = [rest, ...parts].filter(({ size }) => size > 0).map(patchOf);
    if (due.length === 1) return { level, patch, withheld: names, isPart: false };
    const part = due.find(fits); // What makes room for another part is sent before it.
    if (part !== undefined) return { level, patch: part, withheld: names, isPart: true };
  }
  return undefined;
}

/** Whether several properties were refused one by one, and none was taken: the twin is older than the board. */
export function isTwinOld({ refused, hasTaken }: Refusals): boolean {
  return !hasTaken && refused.size > 1;
}

/** Another value may be taken, as long as there is something to spend on finding out. */
function isRefused(path: Path, value: Json, { refused, refusalsLeft }: Refusals): boolean {
  const before = refused.get(path);
  return before !== undefined && (refusalsLeft === 0 || before === canonicalJson(value));
}

/** What is known after a report, or a part of one, was refused. */
export function afterRefusal(
  refusals: Refusals,
  { held, patch }: { readonly held: JsonObject; readonly patch: JsonObject },
  isTooLarge: boolean,
): Refusals {
  if (isTooLarge) return { ...refusals, tooLargeBytes: twinSize(mergePatch(held, patch)) };
  const leaves = leavesOf(patch);
  const isRemoval = (path: Path): number => (leaves.get(path) === null ? 0 : 1);
  const paths = [...leaves.keys()].toSorted((a, b) => isRemoval(a) - isRemoval(b)); // They make room.
  const refusalsLeft = Math.max(0, refusals.refusalsLeft - 1);
  const others = withoutPaths(refusals.parts, leaves);
  if (paths.length > 1 && refusalsLeft > 0) {
    const middle = Math.ceil(paths.length / 2);
    return { ...refusals, refusalsLeft, parts: [paths.slice(0, middle), paths.slice(middle), ...others] };
  }
  const found = paths.map((path) => [path, canonicalJson(leaves.get(path))] as const);
  return { ...refusals, refusalsLeft, parts: others, refused: new Map([...refusals.refused, ...found]) };
}

/** What is known after the hub has taken a report, or a part of one. */
export function afterAcceptance(refusals: Refusals, patch: JsonObject): Refusals {
  if (refusals === noRefusals) return refusals;
  return { ...refusals, hasTaken: true, parts: withoutPaths(refusals.parts, leavesOf(patch)) };
}

/** Forgets all but sizes: what the hub did not take, it may take later. */
export function afterLongTime({ tooLargeBytes }: Refusals): Refusals {
  return { ...noRefusals, tooLargeBytes };
}

function withoutPaths(parts: Refusals["parts"], leaves: ReadonlyMap<Path, Json>): Refusals["parts"] {
  return parts.map((paths) => paths.filter((path) => !leaves.has(path))).filter((paths) => paths.length > 0);
}

/** The values in a patch by their paths: all that is no object, and empty objects. */
function leavesOf(patch: JsonObject, parents: readonly string[] = []): Map<Path, Json> {
  const leaves = new Map<Path, Json>();
  for (const [key, value] of Object.entries(patch)) {
    const keys = [...parents, key];
    if (!isJsonObject(value) || Object.keys(value).length === 0) leaves.set(JSON.stringify(keys), value);
    else for (const [path, leaf] of leavesOf(value, keys)) leaves.set(path, leaf);
  }
  return leaves;
}

function patchOf(leaves: ReadonlyMap<Path, Json>): JsonObject {
  let patch: JsonObject = {};
  for (const [path, value] of leaves) patch = withLeaf(patch, keysOf(path), value);
  return patch;
}

function withLeaf(section: JsonObject, [key = "", ...deeper]: readonly string[], value: Json): JsonObject {
  if (deeper.length === 0) return { ...section, [key]: value };
  const below = section[key];
  return { ...section, [key]: withLeaf(isJsonObject(below) ? below : {}, deeper, value) };
}

function keysOf(path: Path): readonly string[] {
  const keys: unknown = JSON.parse(path);
  return Array.isArray(keys) ? keys.map(String) : [];
}
