import type { Timer } from "../../lib/clock.ts";
import { AgentError } from "../../lib/errors.ts";
import type { FileInstaller } from "../../update/ports.ts";
import { otherSlot, readBoard, writeBoard, type SimulatedBoard, type SlotName } from "../simulator/board.ts";

/** Installs into the simulated board's other slot. @param pauseMs how long the writing takes */
export function simulatedInstaller(boardFile: string, timer: Timer, pauseMs: number): FileInstaller {
  const read = async (): Promise<SimulatedBoard> => {
    const board = await readBoard(boardFile);
    if (board === undefined)
      throw new AgentError(
        "installer-failed",
        `The simulated board ${boardFile} is gone. Stop the agent and start it again with --simulate.`,
      );
    return board;
  };
  const change = async (how: (board: SimulatedBoard) => SimulatedBoard): Promise<void> =>
    writeBoard(boardFile, how(await read()));
  return {
    receives: "file",
    restart: "board",
    async prepare(): Promise<void> {
      await read();
    },
    async install({ version }, signal): Promise<void> {
      // Empty during the pause: after a power cut the slot is not bootable, as on a real board.
      await change((board) => ({ ...board, slots: { ...board.slots, [otherSlot(board.running)]: null } }));
      await timer.after(pauseMs, signal);
      await change((board) => ({ ...board, slots: { ...board.slots, [otherSlot(board.running)]: version } }));
    },
    arm: () => change((board) => ({ ...board, trial: otherSlot(board.running) })),
    async runningVersion(): Promise<string | null> {
      const { slots, running } = await read();
      return slots[running];
    },
    healthy: async () => undefined, // It proves itself by running.
    commit: () => change((board) => ({ ...board, default: board.running })),
    // A committed system too: a power cut may come before the commit is saved, and the next boot may fail its health check.
    revert: ({ version }) => change((board) => ({ ...board, trial: null, default: slotBefore(board, version) })),
  };
}

/** The slot that an update to this version did not write. */
function slotBefore({ slots, default: byDefault }: SimulatedBoard, version: string): SlotName {
  return slots[byDefault] === version ? otherSlot(byDefault) : byDefault;
}
