import type { Command } from "commander";
import { runDemo } from "../demo/demo.ts";
import { Sandbox } from "../demo/sandbox.ts";
import type { RunCommandLine, Context } from "../context.ts";

/** `boardkeeper demo` */
export function addDemo(program: Command, context: Context, run: RunCommandLine): void {
  program
    .command("demo")
    .description("play the whole story on this machine: a hub, a board, a reboot, an update; leaves nothing behind")
    .option("--stay", "keep hub and board up afterwards and say what to type to play, until Ctrl-C")
    .action(async ({ stay = false }: { readonly stay?: boolean }) => {
      const stage = await Sandbox.create(context);
      try {
        await runDemo(context, run, stage, stay);
      } finally {
        await stage.cleanUp();
      }
    });
}
