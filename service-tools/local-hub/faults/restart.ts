import type { Faults } from "./faults.ts";
import type { Surface } from "./scope.ts";

const frontEnds: readonly Surface[] = ["mqtt", "websockets", "rest"];

/** What a restart of the hub looks like from outside, put together from simpler faults. */
export function obeyRestarts(faults: Faults, forgetSessions: () => Promise<void>): void {
  faults.onNow("restart", async ({ downMs, how, sessions }, { on = frontEnds }, strike) => {
    strike();
    if (downMs > 0) faults.add("refuse", {}, { on, forMs: downMs });
    faults.add(how, {}, { on });
    if (sessions === "lost") await forgetSessions();
  });
}
