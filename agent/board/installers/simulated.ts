import type { Timer } from "../../lib/clock.ts";
import { AgentError } from "../../lib/errors.ts";
import type { Installer } from "../../update/ports.ts";
import { otherSlot, readBoard, writeBoard, type SimulatedBoard, type SlotName } from "../simulator/board.ts";

/** Installs into the simulated board's other slot. Its pauses are as long as a small real board's. */
export function simulatedInstaller(boardFile: string, timer: Timer, pauseMs: number): Installer {
  const read = async (): Promise<SimulatedBoard> => {
    const present = await readBoard(boardFile);
    if (present === undefined) throw new AgentError("installer-failed", `The simulated board ${boardFile} is gone.`);
    return present;
  };
  const change = async (how: (present: SimulatedBoard) => SimulatedBoard): Promise<void> =>
    writeBoard(boardFile, how(await read()));
  return {
    restart: "board",
    async prepare(): Promise<void> {
      await read();
    },
    async install({ version }, signal): Promise<void> {
      // Half-written until the pause is over, as on a real board whose power is cut meanwhile.
      await change((present) => ({ ...present, slots: { ...present.slots, [otherSlot(present.running)]: null } }));
      await timer.after(pauseMs, signal);
      await change((present) => ({ ...present, slots: { ...present.slots, [otherSlot(present.running)]: version } }));
    },
    arm: () => change((present) => ({ ...present, trial: otherSlot(present.running) })),
    async runningVersion(): Promise<string | null> {
      const { slots, running } = await read();
      return slots[running];
    },
    commit: () => change((present) => ({ ...present, default: present.running })),
    // A committed one too: the power may go before that is noted, and the next boot may not be able to prove it once more.
    revert: ({ version }) => change((present) => ({ ...present, trial: null, default: slotBefore(present, version) })),
  };
}

/** The slot that an update to this version has left as it was. */
function slotBefore({ slots, default: byDefault }: SimulatedBoard, version: string): SlotName {
  return slots[byDefault] === version ? otherSlot(byDefault) : byDefault;
}
