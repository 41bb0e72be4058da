import { forgetful, hasty, listening } from "./faulty-agents.ts";
import { explore } from "./explore.ts";
import type { Scenario } from "./environment.ts";

const grain = { isFine: false };

/** Saved by themselves, and once more in the next save, before anything is done that could not be done twice. */
const needless = /^forgetful: (rebooting, armed|reverting, reverted) \/ /;

/**
 * Gives a board, one after the other, each agent that leaves out one save or does what follows before it.
 * @param heardWith which saves: those of the histories of so many faults
 * @param mostFaults how many it may take to see through such an agent
 * @returns those that no history gives away, but for the needless ones
 */
export async function uncaught(scenario: Scenario, heardWith: number, mostFaults: number): Promise<string[]> {
  const saves = new Set<string>();
  await explore(scenario, { mostFaults: heardWith, grain: { ...grain, makeStateFile: listening(saves) } });
  const escaped: string[] = [];
  for (const save of saves) {
    for (const [name, makeStateFile] of Object.entries({ forgetful: forgetful(save), hasty: hasty(save) })) {
      const caught = async (faults: number): Promise<boolean> => {
        const { violation } = await explore(scenario, { mostFaults: faults, grain: { ...grain, makeStateFile } });
        return violation !== undefined || (faults < mostFaults && (await caught(faults + 1))); // Few faults are walked sooner.
      };
      if (!(await caught(Math.min(1, mostFaults)))) escaped.push(`${name}: ${save}`);
    }
  }
  return escaped.filter((one) => !needless.test(one));
}
