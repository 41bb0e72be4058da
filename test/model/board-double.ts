import type { Power } from "../../agent/reboot/runner.ts";
import type { Installer } from "../../agent/update/ports.ts";
import * as hardware from "./board-state.ts";
import * as witness from "./invariants.ts";
import { excused } from "./observations.ts";
import { savedIn } from "./reading.ts";
import type { Stage } from "./scheduler.ts";

/* What an agent does to its board. */

/** @param onSwitched told when another system may run than before */
export function installerOf(stage: Stage, onSwitched: () => void): Installer {
  const act = async (name: string, how: (board: hardware.BoardState) => hardware.BoardState): Promise<void> => {
    await stage.call(name, true, () => {
      stage.act(name);
      stage.changeBoard(how);
    });
    onSwitched();
  };
  return {
    restart: stage.scenario.restart,
    prepare: (_image, signal) => stage.call("prepare", true, () => undefined, signal),
    install: async ({ version }, signal) => {
      const begin = (): void => {
        stage.act("install");
        stage.changeBoard(hardware.beginInstall);
      };
      await stage.call("install", true, begin, signal);
      const end = (): void => stage.changeBoard((board) => hardware.endInstall(board, version));
      await stage.call("install to the end", true, end, signal);
    },
    arm: ({ version }) => act("arm", (board) => hardware.arm(board, version)),
    runningVersion: async () => hardware.runningVersionOf(stage.world.board),
    commit: () => act("commit", hardware.commit),
    revert: ({ version }) => act("revert", (board) => hardware.revert(board, version)),
  };
}

export function powerOf(stage: Stage): Power {
  return {
    reboot: () =>
      stage.call("order reboot", true, () => {
        const { board } = stage.world;
        const isTrial = board.restart === "board" && board.running !== board.default;
        // A new system that cannot save is left without a word on the disk, as by a power cut (agent/update/trial-guard).
        if (isTrial && stage.refusal) stage.world = excused(stage.world);
        else stage.witnessed(() => witness.noteRebootOrder(savedIn(stage.world.disk)));
        stage.changeBoard((present) => ({ ...present, goingDown: true }));
      }),
    inhibitors: () => Promise.resolve([]),
  };
}
