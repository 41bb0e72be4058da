import type { Command } from "commander";
import { runDemo } from "../demo/demo.ts";
import { Sandbox } from "../demo/sandbox.ts";
import type { RunCommandLine, Context } from "../context.ts";

/** `boardkeeper demo` */
export function addDemo(program: Command, context: Context, run: RunCommandLine): void {
  program
    .command("demo")
    .description("show it all on this machine: a hub, a board, a reboot, an update; leaves nothing behind")
    .option("--stay", "keep the hub and the board running afterwards, until Ctrl-C, and print commands to try")
    .action(async ({ stay = false }: { readonly stay?: boolean }) => {
      const sandbox = await Sandbox.create(context);
      try {
        await runDemo(context, run, sandbox, stay);
      } finally {
        await sandbox.cleanUp();
      }
    });
}
