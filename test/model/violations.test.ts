import { expect, it } from "vitest";
import type { StateFile } from "../../agent/state/ports.ts";
import type { AgentState } from "../../agent/operations/agent-state.ts";
import { skippingSave } from "./faulty-agents.ts";
import { scenarios } from "./scenarios.ts";
import { explore } from "./explore.ts";

/** Saves once that the image is checked, then that it is still being downloaded. */
function relapsing(real: StateFile<AgentState>): StateFile<AgentState> {
  let before: AgentState | undefined;
  return {
    save: async (saved) => {
      await real.save(saved);
      const relapse = saved.update.phase === "verifying" && before?.update.phase === "downloading" ? before : undefined;
      before = saved;
      if (relapse !== undefined) await real.save({ ...saved, update: relapse.update });
    },
  };
}

/*
 * A violation is thrown where it is found: inside a port. The agent takes what a port throws for trouble with disk or
 * connection, tries again, and may well succeed. The violation must be reported all the same.
 */
it.each([
  ["a save", relapsing, "op-1 went back to downloading on disk."],
  [
    "a call of the hub",
    skippingSave("accepted / idle"),
    'boardkeeper.update.phase is "accepted", where the saved state has "idle"',
  ],
])("a violation inside %s is reported as what it is", async (_where, makeStateFile, why) => {
  const found = await explore(scenarios.method, { maxFaults: 0, runOptions: { fineSteps: false, makeStateFile } });
  expect(found.violation?.why).toContain(why);
});
