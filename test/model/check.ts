import { explore, type Findings, type Options } from "./explore.ts";
import type { Scenario } from "./environment.ts";

/**
 * Walks every history of a scenario, and prints what it comes to.
 * @returns how it came to a violation, step by step; empty when there is none
 */
export async function violationIn(scenario: Scenario, options: Options): Promise<string> {
  const found = await explore(scenario, options);
  process.stderr.write(told(found));
  return found.violation === undefined ? "" : told(found);
}

/** What was found, for people. */
function told({ scenario, mostFaults, histories, states, lives, cpuSeconds, violation }: Findings): string {
  const counted = (n: number): string => n.toLocaleString("en");
  const size = `${counted(states)} states, ${counted(lives)} lives of the agent, ${cpuSeconds.toFixed(1)} s of CPU`;
  if (violation === undefined) {
    return `${scenario}: all ${counted(histories)} histories of at most ${mostFaults} faults hold (${size}).\n`;
  }
  const steps = violation.history.map((step, index) => `  ${index + 1}. ${step}\n`).join("");
  return `${scenario}: ${violation.why} (${size})\n${steps}`;
}
