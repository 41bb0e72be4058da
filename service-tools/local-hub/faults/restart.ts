import type { Faults } from "./faults.ts";
import type { Endpoint } from "./scope.ts";

const frontEnds: readonly Endpoint[] = ["mqtt", "websockets", "rest"];

/** What a restart of the hub looks like from outside, put together from simpler faults. */
export function registerRestartFault(faults: Faults, forgetSessions: () => Promise<void>): void {
  faults.onImmediate("restart", async ({ downMs, how, sessions }, { on = frontEnds }, strike) => {
    strike();
    if (downMs > 0) faults.add("refuse", {}, { on, forMs: downMs });
    faults.add(how, {}, { on });
    if (sessions === "lost") await forgetSessions();
  });
}
