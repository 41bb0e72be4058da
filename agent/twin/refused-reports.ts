import type { JsonObject } from "../contract/json.ts";
import { mostReduced, reduceProperties, type ReductionLevel } from "../contract/twin-formats/reduced-properties.ts";
import { mergePatch, patchBetween } from "../contract/twin-patch.ts";
import { twinSize } from "../contract/twin-size.ts";

/** What the hub has refused, so that it is not sent again. */
export interface Refusals {
  /** The smallest size of all reported properties that was too large; Infinity while none was. */
  readonly tooLargeBytes: number;
  /** The least reduction that was not refused for another reason than its size. */
  readonly leastLevel: ReductionLevel;
}

export const noRefusals: Refusals = { tooLargeBytes: Number.POSITIVE_INFINITY, leastLevel: 0 };

/** A patch that has not been refused yet; undefined patch: the twin says so already. */
export interface Report {
  readonly level: ReductionLevel;
  readonly patch: JsonObject | undefined;
}

/** The least reduced report that the hub may take, by what it has refused; undefined when it takes none. */
export function largestReport(held: JsonObject, whole: JsonObject, refusals: Refusals): Report | undefined {
  for (let level = refusals.leastLevel; level <= mostReduced; level += 1) {
    const patch = patchBetween(held, reduceProperties(whole, level));
    const mayFit = patch === undefined || refusals.tooLargeBytes === Number.POSITIVE_INFINITY;
    if (mayFit || twinSize(mergePatch(held, patch)) < refusals.tooLargeBytes) return { level, patch };
  }
  return undefined;
}

/** What is known after a report was refused. */
export function afterRefusal(
  refusals: Refusals,
  refused: { readonly held: JsonObject; readonly patch: JsonObject; readonly level: ReductionLevel },
  isTooLarge: boolean,
): Refusals {
  if (!isTooLarge) return { ...refusals, leastLevel: refused.level + 1 };
  return { ...refusals, tooLargeBytes: twinSize(mergePatch(refused.held, refused.patch)) };
}
