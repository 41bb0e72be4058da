import type { Findings } from "./search.ts";

/** What was found, for people. */
export function told({ scenario, mostFaults, histories, states, lives, cpuSeconds, violation }: Findings): string {
  const counted = (n: number): string => n.toLocaleString("en");
  const size = `${counted(states)} states, ${counted(lives)} lives of the agent, ${cpuSeconds.toFixed(1)} s of CPU`;
  if (violation === undefined) {
    return `${scenario}: all ${counted(histories)} histories of at most ${mostFaults} faults hold (${size}).\n`;
  }
  const steps = violation.history.map((step, index) => `  ${index + 1}. ${step}\n`).join("");
  return `${scenario}: ${violation.why} (${size})\n${steps}`;
}
