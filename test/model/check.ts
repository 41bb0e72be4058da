import { futureDifferences, type ReachedState } from "./equivalence.ts";
import { explore, type Result, type ExploreOptions } from "./explore.ts";
import type { Scenario } from "./environment.ts";

/**
 * Walks every history of a scenario, and prints what it comes to.
 * @returns how it came to a violation, step by step; empty when there is none
 */
export async function findViolation(scenario: Scenario, options: ExploreOptions): Promise<string> {
  const found = await explore(scenario, options);
  process.stderr.write(describeResult(found));
  return found.violation === undefined ? "" : describeResult(found);
}

/** What was found, for people. */
function describeResult({
  scenario,
  maxFaults: mostFaults,
  histories,
  states,
  runs: lives,
  cpuSeconds,
  violation,
}: Result): string {
  const counted = (n: number): string => n.toLocaleString("en");
  const size = `${counted(states)} states, ${counted(lives)} lives of the agent, ${cpuSeconds.toFixed(1)} s of CPU`;
  if (violation === undefined) {
    return `${scenario}: all ${counted(histories)} histories of at most ${mostFaults} faults hold (${size}).\n`;
  }
  const steps = violation.history.map((step, index) => `  ${index + 1}. ${step}\n`).join("");
  return `${scenario}: ${violation.why} (${size})\n${steps}`;
}

/**
 * Walks a scenario, and goes on both ways from every so many-th pair of moments that were taken for one.
 * @returns what differs, in words; empty when nothing does
 */
export async function findWrongMerges(scenario: Scenario, options: ExploreOptions, every: number): Promise<string[]> {
  const pairs: [one: ReachedState, other: ReachedState, faultsLeft: number][] = [];
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
    found.push(...(await futureDifferences(scenario, options.runOptions, [one, other], faultsLeft)));
  }
  process.stderr.write(
    `${scenario.name}: of ${count} moments taken for another, ${pairs.length} looked at; ${found.length} differences.\n`,
  );
  return found;
}
