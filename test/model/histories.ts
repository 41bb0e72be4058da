import { describe, expect, it } from "vitest";
import { scenarios } from "./scenarios.ts";
import { findViolation } from "./check.ts";
import type { Scenario } from "./environment.ts";

/*
 * Every history of at most three faults: the production agent, whole, over a disk that forgets, a board that boots and a hub
 * that asks again. In shares, so that they can be walked side by side.
 */
const shares = {
  method: [scenarios.method, scenarios.rebootAtOnce, scenarios.reboot, scenarios.rebootCancelled],
  desired: [scenarios.desired, scenarios.manual],
  service: [scenarios.service, scenarios.nothingRestarts],
  superseded: [scenarios.superseded, scenarios.offlineService],
  rebootDuringUpdate: [scenarios.rebootDuringUpdate],
  crashing: [scenarios.crashing, scenarios.dryRun],
} satisfies Record<string, readonly Scenario[]>;

/** The names of all scenarios that are in a share. */
export const walked = new Set(
  Object.values(shares)
    .flat()
    .map(({ name }) => name),
);

/** Walks one share. */
export function walk(share: keyof typeof shares): void {
  describe("every history of three faults holds", () => {
    it.each<Scenario>(shares[share])("$name", { timeout: 600_000 }, async (scenario) => {
      expect(await findViolation(scenario, { maxFaults: 3, runOptions: { fineSteps: false } })).toBe("");
    });
  });
}
