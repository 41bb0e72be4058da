import * as fc from "fast-check";

/** How long and from where a search for counterexamples goes. */
export interface Search {
  readonly numRuns: number;
  readonly seed: number;
}

/** In scripts/test: always the same inputs, so that a failure is the fault of the change that made it. */
export const everyChange: Search = { numRuns: 200, seed: 4 };

export type Property = Parameters<typeof fc.check>[0];

/** Looks for an input that breaks a property; null when none was found, else the smallest one with how it was broken. */
export async function counterexample(property: Property, search: Search): Promise<string | null> {
  const details = await fc.check(property, search);
  return (await fc.asyncDefaultReportMessage(details)) ?? null;
}
