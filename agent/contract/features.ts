/**
 * What this agent understands beyond the first contract. Named here is what an agent without it would pass over in silence:
 * it would begin an update at any time, or install a withdrawn one. Tools that count on one look for it in the twin, at
 * `boardkeeper.agent.features`, before they ask. docs/contract.md says what each word stands for; a word never changes its meaning.
 */
export const features = ["in-place", "lease", "mirrors", "operation-ids", "signed", "withdraw"] as const;

export type Feature = (typeof features)[number];
