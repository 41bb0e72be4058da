import { differences, type Moment } from "./equivalence.ts";
import { explore, type Options } from "./explore.ts";
import type { Scenario } from "./environment.ts";

/**
 * Walks a scenario, and goes on both ways from every so many-th pair of moments that were taken for one.
 * @returns what differs, in words; empty when nothing does
 */
export async function mergedApart(scenario: Scenario, options: Options, every: number): Promise<string[]> {
  const pairs: [one: Moment, other: Moment, faultsLeft: number][] = [];
  let count = 0;
  const { violation } = await explore(scenario, {
    ...options,
    onMerge: (...pair) => {
      if (count % every === 0) pairs.push(pair);
      count += 1;
    },
  });
  const found: string[] = violation === undefined ? [] : [violation.why];
  for (const [one, other, faultsLeft] of pairs) {
    found.push(...(await differences(scenario, options.grain, [one, other], faultsLeft)));
  }
  process.stderr.write(
    `${scenario.name}: of ${count} moments taken for another, ${pairs.length} looked at; ${found.length} differences.\n`,
  );
  return found;
}
