import { randomInt } from "node:crypto";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { byDepth, isDeep } from "../support/depth.ts";

/** How long and from where a search for counterexamples goes. */
export interface Search {
  readonly numRuns: number;
  readonly seed: number;
}

export type Property = Parameters<typeof fc.check>[0];

/**
 * For every change always the same inputs, so that a failure is the fault of the change that made it. Deep: other inputs
 * each time; FUZZ_SEED brings those of an earlier run back.
 */
const search: Search = byDepth(
  { numRuns: 200, seed: 4 },
  { numRuns: 5_000, seed: Number(process.env["FUZZ_SEED"] ?? randomInt(2 ** 31)) },
);
if (isDeep) process.stdout.write(`fuzz: FUZZ_SEED=${search.seed}\n`);

/** Makes a test of each property, by its name. */
export function checkProperties(
  properties: Readonly<Record<string, (search: Search) => Promise<string | null>>>,
): void {
  it.each(Object.entries(properties))("%s", async (_name, findCounterexample) => {
    expect(await findCounterexample(search)).toBeNull();
  });
}

/** Looks for an input that breaks a property; null when none was found, else the smallest one with how it was broken. */
export async function counterexample(property: Property, { numRuns, seed }: Search): Promise<string | null> {
  const details = await fc.check(property, { numRuns, seed });
  return (await fc.asyncDefaultReportMessage(details)) ?? null;
}
