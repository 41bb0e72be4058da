import { describe, expect, it } from "vitest";
import { byDepth } from "../support/depth.ts";
import { findViolation } from "./check.ts";
import type { Scenario } from "./environment.ts";
import { scenarios } from "./scenarios.ts";

/* Which scenario is explored by which file of histories/, and with how many faults. A file each, so that they run side by side. */

const { method, desired, superseded, documents, manual, service, offlineService, nothingRestarts, crashing, dryRun } =
  scenarios;
const { helper, helperWithPower } = scenarios;
const { lease, leaseWithoutClock, leaseInTheEnd, signed } = scenarios;
const { rebootAtOnce, reboot, rebootCancelled, rebootDuringUpdate } = scenarios;

const files = {
  updateByMethod: [method],
  desiredDocument: [desired, superseded, manual],
  documents: [documents],
  service: [service, offlineService, nothingRestarts],
  helper: [helper, helperWithPower],
  crashingSystem: [crashing, dryRun],
  leases: [lease, leaseWithoutClock, leaseInTheEnd],
  signedImages: [signed],
  reboots: [rebootAtOnce, reboot, rebootCancelled, rebootDuringUpdate],
} satisfies Record<string, readonly Scenario[]>;

/**
 * Explored with three faults for every change; the others with two, and with three by scripts/test-deep. The update by a
 * method is the way of nearly every board, with an image that is good, does not boot, or cannot reach the hub. A system that
 * crashes is where the boot counter, the rollback and a second update come together: what goes wrong there leaves a board
 * that nobody can reach. The three reboots cost a second in all.
 */
const threeFaults: ReadonlySet<Scenario> = new Set<Scenario>([method, crashing, rebootAtOnce, reboot, rebootCancelled]);

function maxFaultsOf(scenario: Scenario): number {
  // Two programs side by side: each further fault costs twenty times as much. Pairs of faults without power cuts are enough for every change.
  if (scenario === helper) return byDepth(1, 2);
  if (scenario === helperWithPower) return 2;
  return threeFaults.has(scenario) ? 3 : byDepth(2, 3);
}

/** The scenarios that some file explores. */
export const explored: ReadonlySet<Scenario> = new Set<Scenario>(Object.values(files).flat());

/** Makes a test of each scenario of one file: no history with at most so many faults violates an invariant. */
export function exploreHistories(file: keyof typeof files): void {
  const rows = files[file].map((scenario) => ({
    name: scenario.name,
    maxFaults: maxFaultsOf(scenario),
    scenario,
  }));
  describe("every history holds", () => {
    it.each(rows)("$name, at most $maxFaults faults", async ({ scenario, maxFaults }) => {
      expect(await findViolation(scenario, { maxFaults, runOptions: { fineSteps: false } })).toBe("");
    });
  });
}
