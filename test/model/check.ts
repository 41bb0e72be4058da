import { futureDifferences, type ReachedState } from "./equivalence.ts";
import { explore, type Result, type ExploreOptions } from "./explore.ts";
import type { Scenario } from "./environment.ts";

/**
 * Explores every history of a scenario, and prints the figures.
 * @returns the violation with the steps that lead to it; empty when there is none
 */
export async function findViolation(scenario: Scenario, options: ExploreOptions): Promise<string> {
  const found = await explore(scenario, options);
  process.stderr.write(describeResult(found));
  return found.violation === undefined ? "" : describeResult(found);
}

/** A result for people. */
function describeResult({ scenario, maxFaults, histories, states, runs, cpuSeconds, violation }: Result): string {
  const counted = (n: number): string => n.toLocaleString("en");
  const size = `${counted(states)} states, ${counted(runs)} runs of the agent, ${cpuSeconds.toFixed(1)} s of CPU`;
  if (violation === undefined) {
    return `${scenario}: all ${counted(histories)} histories with at most ${maxFaults} faults hold (${size}).\n`;
  }
  const steps = violation.history.map((step, index) => `  ${index + 1}. ${step}\n`).join("");
  return `${scenario}: ${violation.why} (${size})\n${steps}`;
}

/**
 * Explores a scenario, and goes on from both states of each `every`-th merge.
 * @returns what differs, for people; empty when nothing does
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
  process.stderr.write(`${scenario.name}: ${pairs.length} of ${count} merges compared, ${found.length} differences.\n`);
  return found;
}
