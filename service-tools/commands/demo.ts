import type { Command } from "commander";
import { playDemo } from "../demo/demo.ts";
import { Stage } from "../demo/sandbox.ts";
import type { Run, World } from "../cli/context.ts";

/** `boardkeeper demo` */
export function addDemo(program: Command, world: World, run: Run): void {
  program
    .command("demo")
    .description("play the whole story on this machine: a hub, a board, a reboot, an update; leaves nothing behind")
    .option("--stay", "keep hub and board up afterwards and say what to type to play, until Ctrl-C")
    .action(async ({ stay = false }: { readonly stay?: boolean }) => {
      const stage = await Stage.set(world);
      try {
        await playDemo(world, run, stage, stay);
      } finally {
        await stage.clear();
      }
    });
}
