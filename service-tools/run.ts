import { CommanderError } from "commander";
import { asksForJson, errorLine, errorText } from "./cli/error-output.ts";
import { CommandError, UsageError } from "./cli/errors.ts";
import { exitCodes, type ExitCode } from "./cli/exit-codes.ts";
import type { Context } from "./context.ts";
import { buildProgram } from "./program.ts";

/** Runs one command line, prints its error if there is one, and returns the exit code. Does not throw. */
export async function runCommandLine(args: readonly string[], context: Context): Promise<ExitCode> {
  const program = buildProgram(context, runCommandLine);
  try {
    if (args.length === 0) program.outputHelp();
    else await program.parseAsync(args, { from: "user" });
    return exitCodes.ok;
  } catch (cause) {
    if (cause instanceof CommanderError) {
      if (cause.exitCode === 0) return exitCodes.ok; // Commander throws after --help and --version, too.
      // Commander has already printed the text for people.
      if (asksForJson(args)) context.out.write(errorLine(new UsageError(usageMessage(cause))));
      return exitCodes.usage;
    }
    context.err.write(errorText(cause, context.err));
    if (asksForJson(args)) context.out.write(errorLine(cause));
    return cause instanceof CommandError ? cause.exitCode : exitCodes.failed;
  }
}

function usageMessage({ code, message }: CommanderError): string {
  return code === "commander.help" ? "A command is missing." : message.replace(/^error: /, "");
}
