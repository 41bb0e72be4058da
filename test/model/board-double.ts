import * as boardState from "./board-state.ts";
import * as invariants from "./invariants.ts";
import type { RebootPort } from "../../agent/reboot/runner.ts";
import type { Installer } from "../../agent/update/ports.ts";
import { excuseBadEnd } from "./observations.ts";
import { statesAfterPowerCut } from "./disk-key.ts";
import type { Scheduler } from "./scheduler.ts";

/* The installer and the reboot port of the agent, on the simulated board. */

/** @param onSwitched called when another system may be running than before */
export function makeInstaller(scheduler: Scheduler, onSwitched: () => void): Installer {
  const act = async (name: string, how: (board: boardState.BoardState) => boardState.BoardState): Promise<void> => {
    await scheduler.schedule(name, true, () => {
      scheduler.observeAction(name);
      scheduler.changeBoard(how);
    });
    onSwitched();
  };
  return {
    receives: "file",
    restart: scheduler.scenario.restart,
    prepare: (_image, signal) => scheduler.schedule("prepare", true, () => undefined, signal),
    install: async ({ version }, signal) => {
      const begin = (): void => {
        scheduler.observeAction("install");
        scheduler.changeBoard(boardState.beginInstall);
      };
      await scheduler.schedule("install", true, begin, signal);
      const end = (): void => scheduler.changeBoard((board) => boardState.endInstall(board, version));
      await scheduler.schedule("install to the end", true, end, signal);
    },
    arm: ({ version }) => act("arm", (board) => boardState.arm(board, version)),
    runningVersion: async () => boardState.runningVersionOf(scheduler.environment.board),
    healthy: () => Promise.resolve(),
    commit: () => act("commit", boardState.commit),
    revert: ({ version }) => act("revert", (board) => boardState.revert(board, version)),
  };
}

export function powerOf(scheduler: Scheduler): RebootPort {
  return {
    reboot: () =>
      scheduler.schedule("order reboot", true, () => {
        const { board } = scheduler.environment;
        const isTrial = board.restart === "board" && board.running !== board.default;
        // A new system that cannot save leaves by a reboot that no disk knows of (agent/update/trial-watchdog.ts).
        if (isTrial && scheduler.failsNextWrite) scheduler.environment = excuseBadEnd(scheduler.environment);
        else scheduler.checked(() => invariants.observeRebootOrder(statesAfterPowerCut(scheduler.environment.disk)));
        scheduler.changeBoard((present) => ({ ...present, goingDown: true }));
      }),
    inhibitors: () => Promise.resolve([]),
  };
}
